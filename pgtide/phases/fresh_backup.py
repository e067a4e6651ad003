"""A backup that can be relied on now: the newest, read again, or a new one."""

import socket

from pgtide.backup.files import damage
from pgtide.ledger import audit, backups
from pgtide.ledger.backups import BackupRecord
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.phases.backup import backup
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings


def fresh_backup(settings: Settings, caller: Caller, record: Record) -> BackupRecord:
    """Return a backup that is young enough and whole; take one where there is none.

    Young enough is `settings.backups_fresh`. Raises what `backup` raises.
    """
    with connect(settings.url, purpose="backup") as session:
        found = relied_on(session, settings, caller, record)
    return found or backup(settings, caller, record)


def relied_on(
    session: Session, settings: Settings, caller: Caller, record: Record
) -> BackupRecord | None:
    """Return the newest backup of this attempt, if it is young enough and unchanged."""
    if not backups.there(session):
        return None
    found = backups.fresh(
        session,
        record.id,
        attempt=record.attempt,
        host=socket.gethostname(),
        younger_than=settings.backups_fresh,
    )
    if found is None:
        return None
    harm = damage(found.directory, found.files)
    if harm is None:
        return found
    audit.note_by(session, record.id, caller.actor, "backup_damaged", why=harm)
    return None
