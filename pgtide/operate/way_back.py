"""How far a migration can be taken back, wherever it stands."""

from pgtide.ledger import steps
from pgtide.ledger.one_way import one_way
from pgtide.ledger.record import Record
from pgtide.ledger.released import released
from pgtide.model.state import State, undoable
from pgtide.postgres.session import Session


def way_back(session: Session, record: Record) -> bool:
    """Tell whether it can be undone altogether."""
    if not undoable(record.state, record.resume_to):
        return False
    return not (steps.irreversible(session, record.id) or released(session, record))


def contract_back(session: Session, record: Record) -> bool:
    """Tell whether contract can be undone, and perhaps nothing more."""
    there = record.standing in {State.CONTRACTING, State.CONTRACTED}
    return there and not one_way(session, record)
