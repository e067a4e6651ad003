"""Percent, rate and ETA, as functions of what the ledger says."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pgtide.model.state import State
from pgtide.model.window import Window
from pgtide.operate.progress import Eta, Walked, eta, percent, rows_per_second

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def walked(share: float, *, rows: int = 1000, seconds: float = 10.0) -> Walked:
    return Walked(share=share, rows=rows, seconds=seconds)


@given(some.floats(0, 1))
def test_it_is_at_most_ninety_nine_per_cent_until_the_sweep_is_clean(share: float) -> None:
    found = percent(State.BACKFILLING, walked(share), sweep_due=False)
    assert found is not None
    assert 0 <= found <= 99


@pytest.mark.parametrize(
    ("state", "sweep_due", "expected"),
    [
        (State.PLANNED, False, 0.0),
        (State.EXPANDED, False, 0.0),
        (State.BACKFILLED, False, 100.0),
        (State.BACKFILLED, True, 99.0),
        (State.VERIFIED, False, 100.0),
        (State.ROLLING_BACK, False, None),
        (State.ROLLED_BACK, False, 0.0),
    ],
)
def test_percent_follows_the_state(state: State, sweep_due: bool, expected: float | None) -> None:
    assert percent(state, walked(1.0), sweep_due=sweep_due) == expected


def test_there_is_no_eta_before_one_per_cent() -> None:
    assert eta(walked(0.009), NOW) is None
    assert eta(walked(0.5, seconds=0.0), NOW) is None


@given(some.floats(0.01, 1))
def test_an_eta_is_a_range_around_the_linear_guess(share: float) -> None:
    found = eta(walked(share), NOW)
    assert found is not None
    linear = 10.0 * (1 - share) / share
    assert 0 <= (found.low - NOW).total_seconds() <= linear + 0.001
    assert (found.high - NOW).total_seconds() >= linear
    assert found.low < found.high


def test_an_eta_counts_the_hours_in_which_the_window_is_shut() -> None:
    """Of 100 hours half are done, and a night has eight."""
    nights = Window("22:00-06:00", zone="UTC")
    done = walked(0.5, seconds=50 * 3600.0)
    found = eta(done, datetime(2025, 1, 1, 22, tzinfo=UTC), nights)
    # 40 hours at the least are five nights; 85 at the most are ten, and five hours.
    assert found == Eta(
        low=datetime(2025, 1, 6, 6, tzinfo=UTC), high=datetime(2025, 1, 12, 3, tzinfo=UTC)
    )
    # Who works at noon said `--now`, and goes on.
    assert eta(done, NOW.replace(hour=12), nights) == eta(done, NOW.replace(hour=12))


def test_the_rate_is_the_mean_of_the_time_in_which_a_run_lived() -> None:
    assert rows_per_second(walked(0.5, rows=300, seconds=2.0)) == 150.0
    assert rows_per_second(walked(0.0, rows=0)) is None
