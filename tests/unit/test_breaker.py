"""When too many rows fail: a pure decision."""

import pytest

from pgtide import Backfill
from pgtide.model.breaker import FEWEST, MOST, tripped


@pytest.mark.parametrize(
    ("held", "filled", "most", "trips"),
    [
        (0, 0, MOST, False),
        (MOST - 1, 10**9, MOST, False),
        (MOST, 10**9, MOST, True),
        (3, 10**9, 3, True),
        (0, 0, 0, True),
        (FEWEST - 1, 0, MOST, False),
        (FEWEST, 0, MOST, True),
        (FEWEST, FEWEST, MOST, True),
        (FEWEST, FEWEST + 1, MOST, False),
    ],
)
def test_it_trips_at_the_limit_or_where_half_of_no_fewer_than_fifty_fail(
    held: int, filled: int, most: int, *, trips: bool
) -> None:
    assert (tripped(held, filled, most=most) is not None) == trips


def test_it_names_the_limit_and_the_count() -> None:
    why = tripped(1_000, 5_000, most=1_000) or ""
    assert "1,000 rows are in quarantine" in why
    assert "50 of 80 rows" in (tripped(50, 30, most=1_000) or "")


@pytest.mark.parametrize("canary", ["0%", "0.0%", "100%", "1", "x%", "-1%", "", "1 %"])
def test_a_canary_that_cannot_be_meant_is_named(canary: str) -> None:
    assert [one for one in Backfill(canary=canary).problems() if "canary" in one]


@pytest.mark.parametrize(("canary", "share"), [("1%", 0.01), ("0.5%", 0.005), (None, 0.0)])
def test_a_canary_is_a_share_of_the_table(canary: str | None, share: float) -> None:
    found = Backfill(canary=canary)
    assert list(found.problems()) == []
    assert found.canary_share == pytest.approx(share)


def test_a_quarantine_of_less_than_nothing_is_named() -> None:
    assert [one for one in Backfill(quarantine=-1).problems() if "quarantine" in one]


def test_what_nobody_asks_for_does_not_change_the_checksum_of_what_has_begun() -> None:
    assert {"quarantine", "canary"}.isdisjoint(Backfill().spec())
    assert (
        Backfill(quarantine=7, canary="2%").spec().items()
        >= {
            "quarantine": 7,
            "canary": "2%",
        }.items()
    )
