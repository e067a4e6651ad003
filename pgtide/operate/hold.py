"""An operator's hold, with its line in the audit; and a run that has to let go first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pgtide.clock import Clock
from pgtide.errors import Busy
from pgtide.ledger import control
from pgtide.ledger.audit import note_by
from pgtide.ledger.control import Hold
from pgtide.ledger.record import Record, find
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("status")
_UNDO: Final = "undo requested by"
_POLL: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """A run that works on a table now; seconds of silence beyond the lease make it a dead one."""

    migration_id: str
    name: str


def pause(session: Session, record: Record, *, by: str, reason: str) -> None:
    """Hold a migration, in the name of a person."""
    with session.transaction(settings={"synchronous_commit": "on"}):
        control.hold(session, record.id, by=by, reason=reason)
        note_by(session, record.id, by, "held", reason=reason)


def release(session: Session, record: Record, *, by: str) -> Hold | None:
    """End a hold and return it; None where there was none."""
    hold = control.held(session, record.id)
    if hold is not None:
        with session.transaction(settings={"synchronous_commit": "on"}):
            control.release(session, record.id, by=by)
            note_by(session, record.id, by, "released", held_by=hold.by, reason=hold.reason)
    return hold


def live_run(session: Session, record: Record, lease: timedelta) -> LiveRun | None:
    """Return the run at work on the migration's table, if one is."""
    row = session.row(_SQL["live_run"], {"oid": record.table_oid, "lease": lease.total_seconds()})
    return LiveRun(migration_id=row["migration_id"], name=_name(row)) if row else None


def let_go(
    session: Session, record: Record, *, lease: timedelta, clock: Clock, patience: timedelta
) -> LiveRun | None:
    """Wait until nobody works on the migration's table; return who still does when patience ends.

    Returns at once where nobody does.
    """
    deadline = clock.monotonic() + patience.total_seconds()
    while run := live_run(session, record, lease):
        if clock.monotonic() > deadline:
            return run
        clock.sleep(_POLL)
    return None


@contextmanager
def held_for_undo(session: Session, record: Record, *, by: str) -> Iterator[None]:
    """Hold a migration for as long as it is being undone, so that no run goes on meanwhile.

    A hold that an operator had set before stays; one left behind by an undo that was killed goes.
    """
    before = control.held(session, record.id)
    ours = before is None or before.reason.startswith(_UNDO)
    if ours:
        pause(session, record, by=by, reason=f"{_UNDO} {by}")
    try:
        yield
    finally:
        if ours and not session.lost:
            release(session, record, by=by)


def still_held(session: Session, record: Record, run: LiveRun) -> Busy:
    """Return the error that names a run which did not let go."""
    now = find(session, record.id)
    return Busy(
        f"{record.table} is still held by {run.name}; it did not let go.",
        state=f"It is {now.state if now else record.state}; nothing was undone.",
        remedy="Run `pgtide down` again in a moment, or end that process first.",
    )


def _name(row: dict[str, Any]) -> str:
    return (
        f"run {row['id']} of {row['migration_id']} by {row['actor']} on {row['host']} "
        f"(pid {row['pid']}), begun {row['started_at']:%Y-%m-%d %H:%M:%S} UTC"
    )
