"""What comes next is said in every state, with the command that brings it about."""

import pytest

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
