"""Whether contract is past being taken back, by its own statements or by a write since."""

from pgtide.ledger import steps
from pgtide.ledger.record import Record
from pgtide.ledger.released import released
from pgtide.model.state import Phase
from pgtide.postgres.session import Session


def one_way(session: Session, record: Record) -> bool:
    """Tell whether a contracted migration can only go on to purge."""
    closed = steps.irreversible(session, record.id, {Phase.CONTRACT})
    return bool(closed) or released(session, record) > 0
