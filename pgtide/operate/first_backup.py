"""The backup with which a migration begins, as its plan shows it."""

from pgtide.ledger import phases
from pgtide.ledger.record import Record
from pgtide.model.state import UNTOUCHED, Phase
from pgtide.model.statement import Lock
from pgtide.operate.backups import newest_backup
from pgtide.operate.limit import Limit
from pgtide.operate.plan import FirstBackup
from pgtide.postgres.session import Session
from pgtide.settings import Settings


def first_backup(session: Session, settings: Settings, record: Record | None) -> FirstBackup | None:
    """Return the phase before expand; None where it is left out, or was."""
    state = _state(session, settings, record)
    if state is None:
        return None
    last = newest_backup(session, record.id) if record else None
    wait = settings.backups_lock_wait.total_seconds()
    return FirstBackup(
        state=state,
        lock=Lock.ACCESS_SHARE,
        blocks="nothing but DDL",
        limit=Limit(
            lock_wait_ms=round(wait * 1000),
            lock_tries=1,
            pauses_ms=0,
            statement_ms=None,
            text=f"{wait:g} s for its lock; then none: as long as dump and trial take",
        ),
        seconds=last.seconds if last is not None and last.passed else None,
    )


def told(one: FirstBackup) -> str:
    """Say what is done, what it costs, and how long it took the last time."""
    known = (
        "not known before the first" if one.seconds is None else f"{one.seconds:.1f} s last time"
    )
    return (
        "The table is dumped, restored on trial and compared before anything is changed: "
        f"{one.lock.value}, which blocks {one.blocks}. Its time: {known}."
    )


def _state(session: Session, settings: Settings, record: Record | None) -> str | None:
    if record is None or record.state in UNTOUCHED:
        return "pending" if settings.backup_first else None
    return next(
        (one.state for one in phases.read(session, record.id) if one.phase == Phase.BACKUP), None
    )
