"""The throttle as a migration declares it."""

import re
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pgtide.backfill.throttle.chosen import chosen, declared
from pgtide.model.amount import say_seconds, say_size, seconds, size
from pgtide.model.throttle import LOCKS, NAMES, HoldWhile, Throttle
from tests.architecture.sources import ROOT

OFF = (
    *("replica_lag", "replica_bytes", "wal_rate", "archive_ready", "slot_bytes", "vacuum"),
    *("horizon", "lock_waiters", "connections", "active_sessions", "disk_free", "disk_limit"),
)


def names(throttle: Throttle) -> set[str]:
    own = {one.name for one in declared(throttle)}
    return own | {one.name for one in chosen(throttle, table="t")}


def test_the_defaults_can_be_meant() -> None:
    assert list(Throttle().problems()) == []


def test_no_query_of_the_authors_can_hide_a_signal() -> None:
    everything = Throttle(wal_rate="50MB", active_sessions=20, disk_limit="10GB")
    assert names(everything) | {LOCKS} == NAMES
    for name in NAMES:
        [said] = Throttle(hold_while=(HoldWhile("SELECT true", name=name),)).problems()
        assert f"the name of another signal, '{name}'" in said


def test_every_signal_is_switched_off_by_none_but_a_vacuum_against_wraparound() -> None:
    everything = Throttle(wal_rate="50MB", active_sessions=20, disk_limit="10GB")
    for name in OFF:
        fewer = names(replace(everything, **{name: None}))  # type: ignore[arg-type]  # None fits each
        assert names(everything) - fewer <= {name, "archiver"}
        assert (name in fewer) == (name == "vacuum")
    nothing = Throttle(**dict.fromkeys(OFF))  # type: ignore[arg-type]  # None fits each
    assert names(nothing) == {"vacuum"}


def test_the_page_gives_every_limit_with_its_default() -> None:
    page = (ROOT / "docs" / "throttle.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", page, re.MULTILINE)
    assert dict(rows) == {name: str(value) for name, value in asdict(Throttle()).items()}


def test_a_plan_keeps_the_throttle_as_it_was_declared() -> None:
    kept = TypeAdapter(Throttle)
    one = Throttle(horizon=None, hold_while=(HoldWhile("SELECT 1", above=2.5, name="n"),))
    assert kept.validate_json(kept.dump_json(one)) == one


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Throttle(replica_lag="2"), "replica_lag: '2' is not a number with one of ms, s, min"),
        (Throttle(replica_lag="2MB"), "replica_lag: '2MB' is not a number with one of ms"),
        (Throttle(slot_bytes="1gb"), "slot_bytes: '1gb' is not a number with one of B, kB"),
        (Throttle(horizon="0s"), "horizon is '0s'; None switches it off"),
        (Throttle(horizon=600), "horizon: "),  # type: ignore[arg-type]  # as an author may write it
        (Throttle(lock_waiters=-1), "lock_waiters is -1; write a number from 0 on"),
        (Throttle(connections=80), "connections is 80; write a share such as 0.8"),
        (
            Throttle(hold_while=(HoldWhile("SELECT 1", name="a"), HoldWhile("SELECT 2", name="a"))),
            "two queries of hold_while have the same name",
        ),
    ],
)
def test_what_cannot_be_meant_is_said(wrong: Throttle, said: str) -> None:
    assert [problem for problem in wrong.problems() if said in problem]


@given(st.floats(0.001, 1e7))
def test_a_span_in_a_sentence_is_near_the_span_itself(value: float) -> None:
    assert seconds(say_seconds(value)) == pytest.approx(value, rel=0.06, abs=0.06)


@given(st.floats(1, 1e14))
def test_a_size_in_a_sentence_is_near_the_size_itself(value: float) -> None:
    assert size(say_size(value)) == pytest.approx(value, rel=0.06, abs=0.06)
