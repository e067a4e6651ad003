"""The states of a migration and every step between them, as a table to read aloud."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """Where a migration stands; the ledger's word for it."""

    PLANNED = "planned"
    BACKING_UP = "backing_up"
    BACKED_UP = "backed_up"
    EXPANDING = "expanding"
    EXPANDED = "expanded"
    BACKFILLING = "backfilling"
    BACKFILLED = "backfilled"
    FINALIZING = "finalizing"
    FINALIZED = "finalized"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    CONTRACTING = "contracting"
    CONTRACTED = "contracted"
    PURGING = "purging"
    COMPLETED = "completed"
    PAUSED = "paused"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"


class Phase(StrEnum):
    """A stretch of work with one purpose; each is one file in `pgtide.phases`."""

    PREFLIGHT = "preflight"
    BACKUP = "backup"
    EXPAND = "expand"
    BACKFILL = "backfill"
    FINALIZE = "finalize"
    VERIFY = "verify"
    CONTRACT = "contract"
    PURGE = "purge"
    ROLLBACK = "rollback"


_S = State

TRANSITIONS: Final = MappingProxyType(
    {
        _S.PLANNED: {
            _S.BACKING_UP: "preflight found nothing against it",
            _S.EXPANDING: "the same, where no backup was asked for before expand",
        },
        _S.BACKING_UP: {
            _S.BACKED_UP: "its restore gave the same content",
            _S.PAUSED: "an operator holds it",
            _S.FAILED: "the backup is none, and says why",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.BACKED_UP: {
            _S.EXPANDING: "there is a way back from disaster too",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.EXPANDING: {
            _S.EXPANDED: "columns, functions and triggers committed together",
            _S.PAUSED: "an operator holds it",
            _S.FAILED: "a step failed and said why",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.EXPANDED: {
            _S.BACKFILLING: "every new write is in step; the old rows come next",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.BACKFILLING: {
            _S.BACKFILLED: "every slice is done and the sweep has ended",
            _S.PAUSED: "an operator holds it; the last batch is checkpointed",
            _S.FAILED: "a batch failed for good; the ones before it stay",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.BACKFILLED: {
            _S.FINALIZING: "the rows are filled; indexes come next",
            _S.BACKFILLING: "rows may be out of step: sweep again",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.FINALIZING: {
            _S.FINALIZED: "every index is valid",
            _S.BACKFILLED: "rows that contradict themselves do not fit: the next run sweeps first",
            _S.PAUSED: "an operator holds it",
            _S.FAILED: "a step failed and said why",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.FINALIZED: {
            _S.VERIFYING: "all is built; read every row",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.VERIFYING: {
            _S.VERIFIED: "no row is out of step and the schema is as declared",
            _S.BACKFILLED: "mismatches, or a changed fingerprint: the next run sweeps first",
            _S.PAUSED: "an operator holds it",
            _S.FAILED: "a check could not be read",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.VERIFIED: {
            _S.VERIFYING: "verify again, now",
            _S.BACKFILLED: "what was verified holds no more: the next run sweeps first",
            _S.CONTRACTING: "a later release is live, and contract is approved",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.CONTRACTING: {
            _S.CONTRACTED: "the new columns have the final names",
            _S.VERIFIED: "its approval was taken back: no name was changed",
            _S.BACKFILLED: "what was verified holds no more: the next run sweeps first",
            _S.PAUSED: "an operator holds it",
            _S.FAILED: "a step failed and said why",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.CONTRACTED: {
            _S.PURGING: "retention is over, and nobody reads the old columns",
            _S.ROLLING_BACK: "the operator undoes it, contract too",
        },
        _S.PURGING: {
            _S.COMPLETED: "only the new shape is left",
            _S.CONTRACTED: "touched by others since, or not approved any more: nothing was dropped",
            _S.PAUSED: "an operator holds it",
            _S.FAILED: "a step failed and said why",
        },
        _S.COMPLETED: {},
        _S.PAUSED: {
            _S.BACKING_UP: "resumed",
            _S.EXPANDING: "resumed",
            _S.BACKFILLING: "resumed from the last committed batch",
            _S.FINALIZING: "resumed",
            _S.VERIFYING: "resumed",
            _S.CONTRACTING: "resumed",
            _S.PURGING: "resumed",
            _S.BACKFILLED: "in mid-contract, and its proof has gone: the next run sweeps first",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.FAILED: {
            _S.BACKING_UP: "tried again",
            _S.EXPANDING: "tried again",
            _S.BACKFILLING: "tried again from the last committed batch",
            _S.FINALIZING: "tried again",
            _S.VERIFYING: "tried again",
            _S.CONTRACTING: "tried again",
            _S.PURGING: "tried again",
            _S.BACKFILLED: "in mid-contract, and its proof has gone: the next run sweeps first",
            _S.ROLLING_BACK: "the operator undoes it",
        },
        _S.ROLLING_BACK: {
            _S.ROLLED_BACK: "the old shape is back, every write to it kept",
            _S.VERIFIED: "only contract was undone: both shapes are there, in step",
            _S.CONTRACTED: "a write or others' objects are in the way: no name was changed",
            _S.ROLLBACK_FAILED: "an undo statement failed and said why",
        },
        _S.ROLLBACK_FAILED: {
            _S.ROLLING_BACK: "tried again",
        },
        _S.ROLLED_BACK: {
            _S.PLANNED: "started over",
        },
    },
)

# What a phase runs in and what it ends in; preflight has no state of its own, since it changes
# nothing.
RUNNING: Final = MappingProxyType(
    {
        Phase.BACKUP: State.BACKING_UP,
        Phase.EXPAND: State.EXPANDING,
        Phase.BACKFILL: State.BACKFILLING,
        Phase.FINALIZE: State.FINALIZING,
        Phase.VERIFY: State.VERIFYING,
        Phase.CONTRACT: State.CONTRACTING,
        Phase.PURGE: State.PURGING,
        Phase.ROLLBACK: State.ROLLING_BACK,
    },
)
DONE: Final = MappingProxyType(
    {
        Phase.BACKUP: State.BACKED_UP,
        Phase.EXPAND: State.EXPANDED,
        Phase.BACKFILL: State.BACKFILLED,
        Phase.FINALIZE: State.FINALIZED,
        Phase.VERIFY: State.VERIFIED,
        Phase.CONTRACT: State.CONTRACTED,
        Phase.PURGE: State.COMPLETED,
        Phase.ROLLBACK: State.ROLLED_BACK,
    },
)

# Not begun, or undone: no trace on the table, so another migration may use it.
UNTOUCHED: Final = frozenset({State.PLANNED, State.ROLLED_BACK})
UNDOING: Final = frozenset({State.ROLLING_BACK, State.ROLLBACK_FAILED})


def undoable(state: State, resume_to: State | None = None) -> bool:
    """Tell whether there is a way back from a state.

    A paused or failed migration that remembers purging has none: the old shape may be gone.
    """
    if resume_to is State.PURGING:
        return False
    return state is State.ROLLING_BACK or allowed(state, State.ROLLING_BACK)


def allowed(seen: State, to: State) -> bool:
    """Tell whether a migration may go from one state to another."""
    return to in TRANSITIONS[seen]
