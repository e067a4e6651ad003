"""The way back: it needs nothing but the ledger."""

from pgtide.errors import Refused
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.model.state import UNDOING, Phase, State, undoable
from pgtide.phases.begun import begun
from pgtide.phases.free_step import refuse_irreversible
from pgtide.phases.in_the_way import refuse_in_the_way
from pgtide.phases.last_resort import last_resort
from pgtide.phases.rollback import rollback
from pgtide.phases.rollback_contract import refuse_partial, refuse_released, to_verified
from pgtide.phases.target import refuse_moved
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings


def undo(
    settings: Settings, caller: Caller, record: Record, *, to: State = State.ROLLED_BACK
) -> None:
    """Take a migration back, from any state before purging; raises Refused where there is no way.

    To `verified` only contract is undone.
    """
    with connect(settings.url, purpose="preflight") as session:
        refuse_undo(session, record, to=to)
    with begun(settings, caller, record) as run:
        if to is State.VERIFIED:
            to_verified(run)
        else:
            rollback(run)


def refuse_undo(session: Session, record: Record, *, to: State = State.ROLLED_BACK) -> None:
    """Raise Refused where a migration cannot be taken back as far as that; reads only."""
    _refuse_no_way_back(session, record)
    if record.state not in UNDOING:
        # One that is being undone is told so under the lock, and can go forward again then.
        refuse_released(session, record)
    partial = to is State.VERIFIED
    refuse_irreversible(session, record, {Phase.CONTRACT} if partial else tuple(Phase))
    if partial:
        refuse_partial(session, record)
    # What is hung on another table of that name says nothing.
    refuse_moved(session, record.plan, undoing=True)
    if record.state not in UNDOING:
        refuse_in_the_way(session, record, whole=not partial)


def _refuse_no_way_back(session: Session, record: Record) -> None:
    """Raise Refused where nothing of a migration is there, or nothing can bring it back."""
    if undoable(record.state, record.resume_to):
        return
    if record.standing in {State.PURGING, State.COMPLETED}:
        raise Refused(
            f"{record.id} cannot be undone: purge has begun, and what led back is gone or going.",
            state=f"It is {record.state}; nothing was changed by this command.",
            remedy=last_resort(session, record),
        )
    raise Refused(
        f"{record.id} is {record.state}: there is nothing to undo.",
        state="Nothing was changed.",
        remedy="`pgtide status` lists what can be undone.",
    )
