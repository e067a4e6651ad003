"""Strong locks are asked for in short tries, with pauses that grow, and for a bounded time."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgtide.phases.step import locking
from pgtide.postgres.activity import Blocker
from pgtide.postgres.locks import LockPolicy

POLICY = LockPolicy()


@given(st.integers(min_value=1, max_value=1000), st.floats(min_value=0, max_value=1))
def test_a_pause_is_never_longer_than_the_longest(attempt: int, chance: float) -> None:
    assert 0 <= POLICY.pause(attempt, chance) <= POLICY.longest_pause.total_seconds()


def test_pauses_double_until_they_are_as_long_as_they_may_be() -> None:
    pauses = [POLICY.pause(attempt, 1.0) for attempt in range(1, 9)]
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_chance_spreads_a_pause_over_its_whole_range() -> None:
    assert [POLICY.pause(3, chance) for chance in (0.0, 0.5, 1.0)] == [0.0, 0.5, 1.0]


def test_all_tries_take_about_two_minutes() -> None:
    pauses = sum(POLICY.pause(attempt, 0.5) for attempt in range(1, POLICY.tries))
    assert 100 <= pauses + POLICY.tries * POLICY.wait.total_seconds() <= 150


def test_bad_luck_does_not_make_them_shorter_than_a_report_of_half_a_minute() -> None:
    chance = random.Random(30)

    def patience() -> float:
        return sum(POLICY.pause(attempt, chance.random()) for attempt in range(1, POLICY.tries))

    assert min(patience() for _ in range(10_000)) > 40


def test_one_try_keeps_the_application_waiting_for_a_moment_only() -> None:
    assert timedelta(milliseconds=50) <= POLICY.wait <= timedelta(milliseconds=200)


def blocker(kind: str, query: str) -> Blocker:
    return Blocker(
        pid=7,
        transaction="3/4",
        user="ann",
        application="psql",
        kind=kind,
        seconds=62.4,
        query=query,
    )


def test_a_blocker_is_named_with_all_that_a_person_needs() -> None:
    assert str(blocker("client backend", "SELECT 1")) == "pid 7 (ann, psql, 62 s: SELECT 1)"


def test_a_prepared_transaction_is_named_without_the_process_that_it_has_not() -> None:
    one = replace(blocker("", ""), pid=0, application="prepared transaction 'half'")
    assert str(one) == "prepared transaction 'half' (ann, 62 s)"


def test_an_autovacuum_that_prevents_wraparound_is_told_from_an_ordinary_one() -> None:
    worker = blocker("autovacuum worker", "autovacuum: VACUUM public.t")
    last_resort = blocker("autovacuum worker", "autovacuum: VACUUM t (to prevent wraparound)")
    assert worker.autovacuum
    assert not worker.preventing_wraparound
    assert last_resort.preventing_wraparound
    assert not blocker("client backend", "-- to prevent wraparound").autovacuum


@pytest.mark.parametrize(
    ("texts", "place"),
    [
        ((), 0),
        (("ALTER TABLE t",), 0),
        (("LOCK TABLE t", "ALTER TABLE t"), 1),
        (("ALTER VIEW v OWNER TO o", "LOCK TABLE t", "ALTER TABLE t", "LOCK TABLE u"), 2),
    ],
)
def test_what_looks_under_the_lock_looks_once_views_and_table_are_locked(
    texts: tuple[str, ...], place: int
) -> None:
    assert locking(texts) == place
