"""Who works on a migration, or did so last without an end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pgtide.ledger.record import Record
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The run that has not ended; it is not alive where its heart has stopped."""

    actor: str
    host: str
    pid: int
    since: datetime
    alive: bool


def worker_of(session: Session, record: Record, lease: timedelta) -> Worker | None:
    """Return the run of a migration that has not ended, if there is one."""
    row = session.row(_SQL["worker"], {"id": record.id})
    return (
        Worker(
            actor=row["actor"],
            host=row["host"],
            pid=row["pid"],
            since=row["started_at"],
            alive=row["silent_seconds"] <= lease.total_seconds(),
        )
        if row
        else None
    )
