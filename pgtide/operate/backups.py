"""The newest backup of a migration's table, as status and plan show it."""

from dataclasses import dataclass
from datetime import datetime

from pgtide.ledger import backups
from pgtide.postgres.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupStatus:
    """The newest backup; only one that passed counts."""

    id: int
    state: str
    passed: bool
    old_shape: bool
    taken_at: datetime
    age_seconds: float
    rows: int | None
    bytes: int
    restore_seconds: float | None
    seconds: float | None
    directory: str
    error: str | None


def newest_backup(session: Session, migration_id: str) -> BackupStatus | None:
    """Return what is known of the newest backup, if there is one."""
    found = backups.newest(session, migration_id)
    if found is None:
        return None
    last, age = found
    return BackupStatus(
        id=last.id,
        state=last.state,
        passed=last.state == backups.PASSED,
        old_shape=last.old_shape,
        taken_at=last.taken_at,
        age_seconds=round(age, 3),
        rows=last.content.rows if last.content else None,
        bytes=last.bytes,
        restore_seconds=round(last.restore_seconds, 3) if last.restore_seconds else None,
        seconds=round((last.ended_at - last.taken_at).total_seconds(), 3)
        if last.ended_at
        else None,
        directory=str(last.directory),
        error=last.error,
    )
