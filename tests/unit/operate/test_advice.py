"""What comes next is said in every state, with the command that brings it about."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgtide.model.gate import Gate
from pgtide.model.state import RUNNING, UNTOUCHED, State
from pgtide.operate.advice import Standing, advice


def advised(state: State, *, held: bool = False, alive: bool = False) -> str:
    standing = State.BACKFILLING if state in {State.PAUSED, State.FAILED} else state
    return advice(Standing(name="1.0.0", state=state, standing=standing, held=held, alive=alive))


@pytest.mark.parametrize("state", set(State) - {State.COMPLETED})
def test_every_state_names_a_command(state: State) -> None:
    for held in (False, True):
        for alive in (False, True):
            assert "`pgtide " in advised(state, held=held, alive=alive)


@pytest.mark.parametrize("state", set(State) - UNTOUCHED - {State.COMPLETED})
def test_a_hold_is_ended_by_resume(state: State) -> None:
    assert "`pgtide resume 1.0.0`" in advised(state, held=True)


@pytest.mark.parametrize("state", RUNNING.values())
def test_a_run_that_died_is_not_said_to_be_at_work(state: State) -> None:
    assert "at work" in advised(state, alive=True)
    assert "obody works on it" in advised(state)


def test_a_withdrawn_verification_asks_for_another_sweep() -> None:
    due = Standing(name="1.0.0", state=State.BACKFILLED, sweep_due=True)
    assert "sweeps" in advice(due)


@pytest.mark.parametrize("state", [State.VERIFIED, State.CONTRACTED, State.FAILED])
@pytest.mark.parametrize("gate", [None, *Gate])
def test_no_way_back_is_offered_where_it_is_closed(state: State, gate: Gate | None) -> None:
    for held in (False, True):
        for void in (False, True):
            one = Standing(
                name="1.0.0", state=state, gate=gate, held=held, void=void, way_back=False
            )
            assert "pgtide down" not in advice(one)


@pytest.mark.parametrize("gate", [None, Gate.CONTRACT])
def test_the_release_and_the_time_are_named_where_they_are_known(gate: Gate | None) -> None:
    at = datetime(2026, 11, 25, 0, 40, 19, tzinfo=UTC)
    one = Standing(name="1.0.0", state=State.VERIFIED, gate=gate, release="1.1.0", not_before=at)
    assert "release 1.1.0 or a later one" in advice(one)
    assert "not before 2026-11-25 00:40:19 UTC" in advice(one)
    assert "--now" not in advice(replace(one, not_before=None))
