"""How far a migration can be taken back, wherever it stands."""

from pgtide.ledger import steps
from pgtide.ledger.record import Record
from pgtide.ledger.released import released
from pgtide.model.state import Phase, State, undoable
from pgtide.postgres.session import Session


def way_back(session: Session, record: Record) -> bool:
    """Tell whether it can be undone altogether."""
    if not undoable(record.state, record.resume_to):
        return False
    return not (steps.irreversible(session, record.id) or released(session, record))


def contract_back(session: Session, record: Record) -> bool:
    """Tell whether contract can be undone, and perhaps nothing more."""
    if record.standing not in {State.CONTRACTING, State.CONTRACTED}:
        return False
    closed = steps.irreversible(session, record.id, {Phase.CONTRACT})
    return not (closed or released(session, record))
