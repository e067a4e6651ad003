"""The rows in quarantine, as they are now: those that were mended or deleted leave the list."""

from collections import Counter
from typing import Final

from pgtide.backfill.held_rows import HeldRows
from pgtide.ledger import quarantine
from pgtide.ledger.audit import note_by
from pgtide.ledger.quarantine import HeldRow, Left, attempt_of
from pgtide.ledger.record import Record
from pgtide.model.state import UNDOING, UNTOUCHED, State
from pgtide.postgres.session import Session

# An undo takes the columns away that they would be filled in.
_OVER: Final = UNTOUCHED | UNDOING


def listed(session: Session, record: Record, *, actor: str) -> list[HeldRow]:
    """Return the rows in quarantine, and let those leave that need it no more."""
    if record.state in _OVER:
        return []
    rows, sql = quarantine.held(session, attempt_of(record)), record.plan.backfill
    if record.standing is not State.BACKFILLING or sql is None or not record.plan.key:
        # Of a row without a key only a sweep can tell whether it is gone.
        return rows
    table = HeldRows(session, record.plan, sql)
    become = {row.id: table.look(row) for row in rows}
    left = Counter[Left](one for one in become.values() if one is not None)
    if left:
        counted = {kind.value: many for kind, many in left.items()}
        note_by(session, record.id, actor, "quarantine_settled", **counted)
    return quarantine.held(session, attempt_of(record))


def count(session: Session, record: Record) -> int:
    """Return how many rows are in quarantine, as far as anybody has looked."""
    return 0 if record.state in _OVER else quarantine.count(session, attempt_of(record))


def warning(session: Session, record: Record | None) -> tuple[str, ...]:
    """Say how many rows are in quarantine; nothing where none is."""
    many = count(session, record) if record else 0
    if record is None or not many:
        return ()
    rows = "1 row that could not be filled is" if many == 1 else f"{many:,} rows are"
    return (f"{rows} in quarantine: `pgtide quarantine {record.version}` says which and why.",)
