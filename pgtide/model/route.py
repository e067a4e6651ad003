"""Which phase comes next: a function of what the ledger says, and of nothing else."""

from types import MappingProxyType
from typing import Final, assert_never

from pgtide.model.state import Phase, State

# The order in which a migration goes forward.
FORWARD: Final = (Phase.EXPAND, Phase.BACKFILL, Phase.FINALIZE, Phase.VERIFY)

_NEXT: Final = MappingProxyType(
    {
        State.PLANNED: Phase.EXPAND,
        State.ROLLED_BACK: Phase.EXPAND,
        State.EXPANDING: Phase.EXPAND,
        State.EXPANDED: Phase.BACKFILL,
        State.BACKFILLING: Phase.BACKFILL,
        State.BACKFILLED: Phase.FINALIZE,
        State.FINALIZING: Phase.FINALIZE,
        State.FINALIZED: Phase.VERIFY,
        State.VERIFYING: Phase.VERIFY,
    },
)


def next_phase(
    state: State,
    *,
    resume_to: State | None = None,
    sweep_due: bool = False,
    until: Phase = Phase.VERIFY,
) -> Phase | None:
    """Return the phase that comes next on the way to `until`.

    Or None where there is nothing left to do.

    `resume_to` is the state that a paused or failed migration remembers; `sweep_due` says that
    verification was withdrawn, so that the rows are swept before anything else.
    """
    match state:
        case State.PAUSED | State.FAILED:
            return next_phase(resume_to or State.PLANNED, sweep_due=sweep_due, until=until)
        case State.VERIFIED | State.ROLLING_BACK | State.ROLLBACK_FAILED:
            return None
        case State.BACKFILLED if sweep_due:
            return Phase.BACKFILL
        case (
            State.PLANNED
            | State.ROLLED_BACK
            | State.EXPANDING
            | State.EXPANDED
            | State.BACKFILLING
            | State.BACKFILLED
            | State.FINALIZING
            | State.FINALIZED
            | State.VERIFYING
        ):
            phase = _NEXT[state]
            return phase if FORWARD.index(phase) <= FORWARD.index(until) else None
        case _:
            assert_never(state)
