"""Which phase comes next: a function of what the ledger says, and of nothing else."""

from types import MappingProxyType
from typing import Final

from pgtide.model.state import Phase, State

# The order in which a migration goes forward by itself.
FORWARD: Final = (Phase.BACKUP, Phase.EXPAND, Phase.BACKFILL, Phase.FINALIZE, Phase.VERIFY)
# What a later release asks for, each by a command of its own.
LATER: Final = (Phase.CONTRACT, Phase.PURGE)
WHOLE: Final = (*FORWARD, *LATER)

_ASIDE: Final = frozenset({State.PAUSED, State.FAILED})
# Undoing goes another way, and what is completed goes none.
_NEXT: Final = MappingProxyType(
    {
        State.PLANNED: Phase.BACKUP,
        State.ROLLED_BACK: Phase.BACKUP,
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
    },
)


def next_phase(
    state: State,
    *,
    resume_to: State | None = None,
    sweep_due: bool = False,
    until: Phase = Phase.VERIFY,
    backup_first: bool = True,
) -> Phase | None:
    """Return the phase that comes next on the way to `until`.

    Or None where there is nothing left to do.

    `resume_to` is the state that a paused or failed migration remembers; `sweep_due` says that rows
    may be out of step, so that they are swept before anything else; without `backup_first` a
    migration begins with expand.
    """
    standing = (resume_to or State.PLANNED) if state in _ASIDE else state
    if standing is State.BACKFILLED and sweep_due:
        return Phase.BACKFILL
    phase = _NEXT.get(standing)
    if phase is Phase.BACKUP and not backup_first:
        phase = Phase.EXPAND
    return phase if phase and WHOLE.index(phase) <= WHOLE.index(until) else None
