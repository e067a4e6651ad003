"""What killed runs and old backups leave: client programs, scratch databases, files."""

from contextlib import suppress

from pgtide.backup.files import remove
from pgtide.errors import StatementFailed
from pgtide.ledger import audit, backups
from pgtide.ledger.backups import BackupRecord
from pgtide.postgres import scratch
from pgtide.postgres.session import Session
from pgtide.settings import Settings


def application(name: str) -> str:
    """Return what the server shows for the client programs of a backup with that scratch name."""
    return f"pgtide backup {name[-12:]}"


def clear_killed(
    session: Session, place: Session, settings: Settings, *, actor: str, host: str
) -> None:
    """Take away what killed runs left, and say of their backups that they are none.

    Only for whoever holds the right to take backups: then nobody else can be at one.
    """
    for one in backups.unfinished(session):
        clear(session, place, settings, one=one, host=host)
        why = f"the run that took it was killed while it was {one.state}"
        backups.failed(session, one.id, why=why)
        audit.note_by(session, one.migration_id, actor, "backup_failed", why=why)


def clear(
    session: Session, place: Session, settings: Settings, *, one: BackupRecord, host: str
) -> None:
    """Take away what a backup that is none has left, where it can be reached from here."""
    backups.end_clients(session, application(one.scratch))
    if one.scratch_place == place.place:
        drop_scratch(place, one.scratch)
    if one.host == host:
        remove(one.directory, inside=settings.backups_dir)


def drop_scratch(place: Session, name: str) -> None:
    """Drop a scratch database with whoever is in it."""
    backups.end_clients(place, application(name))
    scratch.drop(place, name)


def keep_newest(
    session: Session, settings: Settings, migration_id: str, *, actor: str, host: str
) -> None:
    """Remove all but the newest backups that passed; those of other machines stay there.

    Those with the old shape are counted by themselves: none that lacks it pushes one of them out.
    """
    found = backups.standing(session, migration_id)
    with_it = [one for one in found if one.old_shape]
    without = [one for one in found if not one.old_shape]
    for old in (*with_it[settings.backups_keep :], *without[settings.backups_keep :]):
        if old.host == host and remove(old.directory, inside=settings.backups_dir):
            with suppress(StatementFailed):
                backups.removed(session, old.id)
                audit.note_by(
                    session, migration_id, actor, "backup_removed", directory=str(old.directory)
                )
