"""Batches grow gently, fall back hard, and come to the target time whatever a block costs."""

import random
from collections.abc import Callable
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgtide.backfill.pace import Pace, Paces, by_key, counted

TARGET = 0.05
MOST = 4096


def pace(blocks: float, *costs: float) -> Pace:
    return Pace(blocks=blocks, target=TARGET, costs=costs)


def walked(
    now: Pace, cost: Callable[[int], float], *, batches: int, most: int = MOST
) -> tuple[Pace, list[float]]:
    """Return the pace after so many batches, and the time of each; `cost` takes a batch's size."""
    times = []
    for _ in range(batches):
        times.append(cost(now.whole))
        now = now.after(times[-1], blocks=now.whole, most=most)
    return now, times


@pytest.mark.parametrize(
    ("seconds", "blocks"),
    [
        (0.0, 200.0),
        (TARGET * 0.49, 200.0),
        (TARGET * 0.6, 120.0),
        (TARGET, 100.0),
        (TARGET * 1.6, 62.5),
        (TARGET * 2.5, 40.0),
        (TARGET * 5, 20.0),
        (TARGET * 5.01, 10.0),
        (3600.0, 10.0),
    ],
)
def test_the_next_batch_follows_from_how_long_the_last_one_took(
    seconds: float, blocks: float
) -> None:
    assert pace(100).after(seconds, blocks=100, most=MOST).blocks == pytest.approx(blocks)


def test_one_batch_that_had_to_wait_says_little() -> None:
    known = [TARGET / 100] * 5
    late = pace(100, *known).after(TARGET * 1.9, blocks=100, most=MOST)
    assert late.blocks == pytest.approx(100)
    # Far too late is followed at once, and made good within a few batches.
    stuck = pace(100, *known).after(TARGET * 10, blocks=100, most=MOST)
    assert stuck.blocks == pytest.approx(10)
    again, _ = walked(stuck, lambda size: size * known[0], batches=6)
    assert again.blocks == pytest.approx(100)


def test_the_rest_of_a_pass_says_nothing_unless_it_was_slow() -> None:
    known = pace(100, TARGET / 100)
    assert known.after(TARGET / 4, blocks=5, most=MOST) == known
    assert known.after(TARGET * 1.5, blocks=5, most=MOST).blocks < 10


def test_another_target_changes_the_size_at_once() -> None:
    assert pace(100).aiming(TARGET * 4).blocks == 400
    assert pace(100).aiming(TARGET / 10).blocks == 10
    assert pace(1).aiming(TARGET / 10).whole == 1


def test_a_time_limit_halves_the_batch_down_to_one_block() -> None:
    halves = [pace(5)]
    while halves[-1].whole > 1:
        halves.append(halves[-1].halved())
    assert [one.whole for one in halves] == [5, 2, 1]


def test_keys_are_not_gone_through_row_by_row_for_a_slow_machine() -> None:
    """Where a batch costs 30 ms whatever its size, a target of 5 ms is not met by one row each."""
    now, done, batches = by_key(0.005), 0, 0
    while done < 10_000:
        done, batches = done + now.whole, batches + 1
        now = now.after(0.03, blocks=now.whole, most=MOST)
    assert batches <= 10_000 / 40
    assert now.aiming(0.001).whole == now.whole


def test_a_time_limit_goes_down_to_one_key_and_stays_there_while_rows_are_slow() -> None:
    now = by_key(TARGET)
    while now.whole > 1:
        now = now.halved()
    slow = now.after(TARGET * 100, blocks=1, most=MOST)
    assert slow.whole == 1


def test_a_pass_begins_at_its_own_pace_else_at_that_of_the_last() -> None:
    paces = Paces()
    assert paces.of(0, TARGET) == Pace(target=TARGET)
    paces.learn(0, pace(200))
    paces.learn(1, pace(500))
    assert [paces.of(step, TARGET).whole for step in (0, 1, 2)] == [200, 500, 500]
    assert paces.of(0, TARGET * 2).whole == 400


@given(
    st.floats(min_value=1, max_value=MOST),
    st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=30),
    st.integers(min_value=0, max_value=10_000),
)
def test_it_never_runs_away(blocks: float, times: list[float], most: int) -> None:
    now = pace(blocks)
    for seconds in times:
        used = now.whole
        now = now.after(seconds, blocks=used, most=most)
        assert 1 <= now.whole <= max(1, min(most, MOST))
        assert now.blocks <= max(1.0, 2 * used)
        assert now.target == TARGET


# A block from 2 microseconds (a sweep that finds nothing) to 20 milliseconds (a cold disk).
costs = st.floats(min_value=2e-6, max_value=0.02)


@given(
    st.lists(st.floats(min_value=0, max_value=1e4), max_size=30),
    costs,
)
def test_it_never_stalls_for_good(before: list[float], cost: float) -> None:
    """However bad it was, once a block costs what it costs the batches come back to the target."""
    now = Pace(target=TARGET)
    for seconds in before:
        now = now.after(seconds, blocks=now.whole, most=MOST)
    _, times = walked(now, lambda size: size * cost, batches=60)
    ideal = max(1, min(MOST, round(TARGET / cost))) * cost
    assert times[-1] == pytest.approx(ideal, rel=0.2)


@given(
    st.sampled_from([0.01, 0.05, 0.2]),
    costs,
    st.floats(min_value=0, max_value=0.002),
    st.floats(min_value=0, max_value=0.3),
    st.integers(min_value=0),
)
def test_the_median_comes_to_the_target(
    target: float, cost: float, fixed: float, noise: float, seed: int
) -> None:
    """For any cost of a block and of a batch, with noise, and one batch in 25 that had to wait."""
    chance = random.Random(seed)

    def took(size: int) -> float:
        waited = target * 6 if chance.random() < 0.04 else 0.0
        return fixed + size * cost * chance.lognormvariate(0.0, noise) + waited

    _, times = walked(Pace(target=target), took, batches=220)
    blocks = (target - fixed) / cost
    # Below ten blocks whole numbers are too coarse, above the most it may not.
    if 10 <= blocks <= MOST:
        assert median(times[20:]) == pytest.approx(target, rel=0.2)


@pytest.mark.parametrize("flush", [0.0, 0.04, 0.1, 1.0])
def test_a_wait_for_the_log_that_is_longer_than_the_target_makes_no_batch_of_one_block(
    flush: float,
) -> None:
    block = 0.0005
    now, _ = walked(
        Pace(target=TARGET), lambda size: counted(block * size + flush, block * size), batches=60
    )
    assert TARGET / block * 0.45 <= now.whole <= TARGET / block * 1.1
    # As it would be if the wait were the size's fault.
    all_of_it, _ = walked(Pace(target=TARGET), lambda size: block * size + flush, batches=60)
    assert flush < TARGET or all_of_it.whole <= 2
