"""Batches grow gently, fall back hard, and stay within bounds whatever the clock says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgtide.backfill.pace import Pace

TARGET = 0.05


def pace(blocks: float) -> Pace:
    return Pace(blocks=blocks, target=TARGET)


@pytest.mark.parametrize(
    ("seconds", "blocks"),
    [
        (0.0, 120.0),
        (TARGET, 120.0),
        (TARGET * 2, 50.0),
        (TARGET * 5, 20.0),
        (TARGET * 5.01, 10.0),
        (3600.0, 10.0),
    ],
)
def test_the_next_batch_follows_from_how_long_the_last_one_took(
    seconds: float, blocks: float
) -> None:
    assert pace(100).after(seconds, most=4096).blocks == pytest.approx(blocks)


@given(
    st.floats(min_value=1, max_value=4096),
    st.floats(min_value=0, max_value=1e6),
    st.integers(min_value=0, max_value=10_000),
)
def test_a_batch_never_leaves_its_bounds(blocks: float, seconds: float, most: int) -> None:
    after = pace(blocks).after(seconds, most=most)
    assert 1 <= after.whole <= max(1, min(most, 4096))
    assert after.target == TARGET


def test_a_time_limit_halves_the_batch_down_to_one_block() -> None:
    halves = [pace(5)]
    while halves[-1].whole > 1:
        halves.append(halves[-1].halved())
    assert [one.whole for one in halves] == [5, 2, 1]


def test_a_steady_table_is_walked_at_the_target_time() -> None:
    """A block that takes a millisecond leads to batches of about fifty blocks."""
    now = pace(32)
    for _ in range(50):
        now = now.after(now.whole * 0.001, most=4096)
    assert 40 <= now.whole <= 60
