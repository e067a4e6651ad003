"""The trial of a backup: restored into a database, it must hold what the snapshot held."""

from pathlib import Path

from pgtide.errors import Failed
from pgtide.ledger.backups import BackupFile
from pgtide.model.table import TableName
from pgtide.postgres.aside import aside, awaited
from pgtide.postgres.client import Client, restore
from pgtide.postgres.content import Content, content
from pgtide.postgres.session import Session


def restored(
    session: Session, client: Client, folder: Path, *, files: tuple[BackupFile, ...]
) -> None:
    """Restore a backup's files, in their order, into the database of a session."""
    for file in files:
        restore(client, session.login, folder / file.name)


def compared(session: Session, client: Client, table: TableName, *, held: Content) -> None:
    """Raise Failed where the restored table holds anything else than was dumped."""

    def read() -> Content:
        with session.transaction(mode="READ ONLY"):
            return content(session, table)

    with aside(session, read) as answer:
        found = awaited(answer, client.stop)
    if found.rows != held.rows:
        what = f"{found.rows:,} rows came back of {held.rows:,}"
    elif found.hashes != held.hashes:
        what = f"{held.rows:,} rows came back, but not with the values that were dumped"
    else:
        return
    raise Failed(
        f"The restored {table} is not the one that was dumped: {what}.",
        state="The migration is as it was; the backup cannot be relied on.",
        remedy="Look at the disk and at the client programs, then take another backup.",
    )
