"""What comes next follows from what the ledger says, and leads to the end from everywhere."""

from itertools import product

import pytest

from pgtide.model.route import FORWARD, WHOLE, next_phase
from pgtide.model.state import DONE, RUNNING, Phase, State, allowed

STANDING = {
    State.PLANNED: Phase.BACKUP,
    State.BACKING_UP: Phase.BACKUP,
    State.BACKED_UP: Phase.EXPAND,
    State.EXPANDING: Phase.EXPAND,
    State.EXPANDED: Phase.BACKFILL,
    State.BACKFILLING: Phase.BACKFILL,
    State.BACKFILLED: Phase.FINALIZE,
    State.FINALIZING: Phase.FINALIZE,
    State.FINALIZED: Phase.VERIFY,
    State.VERIFYING: Phase.VERIFY,
    State.VERIFIED: Phase.CONTRACT,
    State.CONTRACTING: Phase.CONTRACT,
    State.CONTRACTED: Phase.PURGE,
    State.PURGING: Phase.PURGE,
    State.COMPLETED: None,
    State.ROLLED_BACK: Phase.BACKUP,
    State.ROLLING_BACK: None,
    State.ROLLBACK_FAILED: None,
}


@pytest.mark.parametrize("state", STANDING)
def test_the_next_phase_of_a_state(state: State) -> None:
    assert next_phase(state, until=Phase.PURGE) == STANDING[state]


@pytest.mark.parametrize("state", [State.PAUSED, State.FAILED])
@pytest.mark.parametrize("resume_to", STANDING)
def test_a_paused_or_failed_migration_goes_on_from_what_it_remembers(
    state: State, resume_to: State
) -> None:
    found = next_phase(state, resume_to=resume_to, until=Phase.PURGE)
    assert found == STANDING[resume_to]


@pytest.mark.parametrize(("state", "until"), list(product(STANDING, WHOLE)))
def test_nothing_beyond_the_asked_phase_is_begun(state: State, until: Phase) -> None:
    phase = STANDING[state]
    within = phase is not None and WHOLE.index(phase) <= WHOLE.index(until)
    assert next_phase(state, until=until) == (phase if within else None)


@pytest.mark.parametrize("until", FORWARD)
def test_a_withdrawn_verification_is_swept_first_even_when_less_was_asked_for(
    until: Phase,
) -> None:
    assert next_phase(State.BACKFILLED, sweep_due=True, until=until) is Phase.BACKFILL


@pytest.mark.parametrize(
    ("until", "backup_first"), [(Phase.VERIFY, True), (Phase.VERIFY, False), (Phase.PURGE, True)]
)
def test_the_phases_lead_from_the_start_to_the_end_through_allowed_moves(
    until: Phase, *, backup_first: bool
) -> None:
    state, taken = State.PLANNED, []
    while phase := next_phase(state, until=until, backup_first=backup_first):
        taken.append(phase)
        assert allowed(state, RUNNING[phase])
        assert allowed(RUNNING[phase], DONE[phase])
        state = DONE[phase]
    whole = WHOLE if until is Phase.PURGE else FORWARD
    assert taken == list(whole if backup_first else whole[1:])
    assert state is DONE[until]
