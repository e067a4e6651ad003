"""What is left where no undo is: a backup from before anything was dropped for good."""

import socket
from datetime import UTC

from pgtide.ledger import backups
from pgtide.ledger.record import Record
from pgtide.postgres.session import Session


def last_resort(session: Session, record: Record) -> str:
    """Name the backup that has all of the old shape, with the command that brings it back."""
    found = backups.last_resort(session, record.id)
    if found is None:
        return "No backup that was kept has the old shape."
    where = "" if found.host == socket.gethostname() else f" on {found.host}"
    taken = f"{found.taken_at.astimezone(UTC):%F %T} UTC"
    return (
        f"Backup {found.id}{where} has the old shape, as it was at {taken}: "
        f"`pgtide restore {record.version} --backup {found.id} --into DB`."
    )
