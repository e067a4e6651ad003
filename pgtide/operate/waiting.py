"""What a migration waits for: an operator, a lock, or a person's decision at a gate."""

from typing import Any, Final

from pgtide.ledger.control import Hold
from pgtide.ledger.record import Record
from pgtide.model.state import RUNNING, UNDOING
from pgtide.operate.gates import GateStatus, in_words
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("status")


def waiting_for(
    session: Session, record: Record, *, alive: bool, hold: Hold | None, gate: GateStatus | None
) -> str | None:
    """Say what a migration waits for, if it does; `alive` tells whether a run is at work."""
    # An undo goes on under a hold, which keeps everybody else away.
    if hold is not None and record.state not in UNDOING:
        return str(hold)
    if alive and record.state in RUNNING.values():
        return _blocked_by(session, record)
    if record.waiting_for is None and gate is not None and not alive:
        return in_words(gate)
    return record.waiting_for


def _blocked_by(session: Session, record: Record) -> str | None:
    # Between two tries at a lock nobody blocks it, yet it still waits: the audit's last line tells.
    event = session.row(_SQL["newest_event"], {"id": record.id}) or {"kind": ""}
    detail = event["detail"] if event["kind"] == "lock_waited" else {}
    who = detail.get("blockers") or [
        _blocker(row) for row in session.rows(_SQL["blocked_by"], {"id": record.id})
    ]
    awaited = detail.get("awaited", "a lock")
    return f"{awaited} on {record.table}; in the way: {'; '.join(who)}" if who else None


def _blocker(row: dict[str, Any]) -> str:
    user, seconds = row["user"] or "system", row["seconds"] or 0.0
    return f"pid {row['pid']} ({user}, {row['application']}, {seconds:.0f} s: {row['query']})"
