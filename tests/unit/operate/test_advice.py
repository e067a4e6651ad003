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


@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("state", [State.VERIFIED, State.CONTRACTED, State.FAILED])
@pytest.mark.parametrize("gate", [None, *Gate])
def test_no_way_back_is_offered_where_it_is_closed(
    state: State, gate: Gate | None, *, replaces: bool
) -> None:
    one = Standing(
        name="1.0.0",
        state=state,
        gate=gate,
        replaces=replaces,
        way_back=False,
        contract_back=False,
    )
    for held in (False, True):
        for void in (False, True):
            assert "pgtide down" not in advice(replace(one, held=held, void=void))


@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("gate", [None, Gate.READS_SWITCHED])
@pytest.mark.parametrize("void", [False, True])
def test_contract_alone_is_undone_where_a_step_before_it_closed_the_rest(
    gate: Gate | None, *, replaces: bool, void: bool
) -> None:
    one = Standing(
        name="1.0.0",
        state=State.CONTRACTED,
        gate=gate,
        replaces=replaces,
        void=void,
        way_back=False,
    )
    assert "`pgtide down 1.0.0 --to verified`" in advice(one)
    assert "`pgtide down 1.0.0`" not in advice(one)


@pytest.mark.parametrize("state", [State.CONTRACTING, State.FAILED])
def test_a_contract_cut_off_is_taken_back_only_where_that_can_be(state: State) -> None:
    one = Standing(name="1.0.0", state=state, standing=State.CONTRACTING)
    assert "`pgtide down 1.0.0 --to verified` takes it back" in advice(one)
    assert "pgtide down" not in advice(replace(one, contract_back=False))


def test_what_was_verified_and_holds_no_more_is_said_without_a_way_back_too() -> None:
    one = Standing(name="1.0.0", state=State.VERIFIED, void=True, way_back=False)
    assert "What was verified holds no more" in advice(one)


@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("gate", [None, Gate.READS_SWITCHED])
def test_the_end_of_retention_is_named(gate: Gate | None, *, replaces: bool) -> None:
    at = datetime(2026, 11, 25, 0, 40, 19, tzinfo=UTC)
    one = Standing(
        name="1.0.0", state=State.CONTRACTED, gate=gate, replaces=replaces, not_before=at
    )
    assert "not before 2026-11-25 00:40:19 UTC" in advice(one)
    assert "until then `pgtide down 1.0.0` undoes it" in advice(one)


@pytest.mark.parametrize("gate", [None, Gate.CONTRACT])
def test_the_release_and_the_time_are_named_where_they_are_known(gate: Gate | None) -> None:
    at = datetime(2026, 11, 25, 0, 40, 19, tzinfo=UTC)
    one = Standing(name="1.0.0", state=State.VERIFIED, gate=gate, release="1.1.0", not_before=at)
    assert "release 1.1.0 or a later one" in advice(one)
    assert "not before 2026-11-25 00:40:19 UTC" in advice(one)
    assert "--now" not in advice(replace(one, not_before=None))
