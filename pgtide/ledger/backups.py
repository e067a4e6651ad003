"""Backups as the ledger knows them: only one that passed counts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pgtide.model.table import TableName
from pgtide.postgres.content import Content
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("backup")
PASSED: Final = "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFile:
    """A file of a backup, as it was when it was written."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """What one snapshot gave: the files, the table's content, and whether it had the old shape."""

    files: tuple[BackupFile, ...]
    content: Content
    old_shape: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What is written down before anything of a backup exists."""

    migration_id: str
    attempt: int
    actor: str
    host: str
    table: TableName
    directory: Path
    server_version: int
    client_version: str
    scratch: str
    scratch_place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRecord:
    """A backup; `scratch` is the database it was tried in, on the server `scratch_place`.

    `old_shape` tells whether all of the old shape is in it: nothing had been dropped for good.
    """

    id: int
    migration_id: str
    host: str
    state: str
    taken_at: datetime
    ended_at: datetime | None
    table: TableName
    directory: Path
    files: tuple[BackupFile, ...]
    server_version: int
    client_version: str
    content: Content | None
    old_shape: bool
    scratch: str
    scratch_place: str
    restore_seconds: float | None
    error: str | None

    @property
    def bytes(self) -> int:
        """Return the size of all files."""
        return sum(file.bytes for file in self.files)


def there(session: Session) -> bool:
    """Tell whether this ledger has backups: one of an older pgtide has not."""
    return bool(session.value(_SQL["there"]))


def only_one(session: Session) -> bool:
    """Keep other backups of this database away for as long as the session lives."""
    return bool(session.value(_SQL["only_one"]))


def begin(session: Session, beginning: Beginning) -> int:
    """Write a backup down and return its number."""
    values = asdict(beginning) | {
        "table_schema": beginning.table.schema,
        "table_name": beginning.table.name,
        "directory": str(beginning.directory),
    }
    return int(session.value(_SQL["begin"], values, doing="writing the backup down"))


def has_old_shape(session: Session, migration_id: str, *, replaces: bool) -> bool:
    """Tell whether all of the old shape is there, as the session's transaction sees it.

    `replaces` tells whether purge drops columns.
    """
    return bool(session.value(_SQL["old_shape"], {"id": migration_id, "replaces": replaces}))


def taken(session: Session, id: int, dumped: Dumped) -> None:
    """Note that the files are whole."""
    where = {
        "id": id,
        "files": json.dumps([asdict(file) for file in dumped.files]),
        "rows": dumped.content.rows,
        "hashes": list(dumped.content.hashes),
        "old_shape": dumped.old_shape,
    }
    session.execute(_SQL["taken"], where, doing="writing the backup down")


def passed(session: Session, id: int, *, seconds: float) -> None:
    """Note that the restored table had the same content."""
    session.execute(_SQL["passed"], {"id": id, "seconds": seconds}, doing="writing the verdict")


def failed(session: Session, id: int, *, why: str) -> None:
    """Note that it is no backup."""
    session.execute(_SQL["failed"], {"id": id, "error": why}, doing="writing the verdict")


def removed(session: Session, id: int) -> None:
    """Note that the files are gone."""
    session.execute(_SQL["removed"], {"id": id}, doing="writing a removal down")


def unfinished(session: Session) -> list[BackupRecord]:
    """Return backups that a run left in the middle."""
    return [_record(row) for row in session.rows(_SQL["unfinished"])]


def standing(session: Session, migration_id: str) -> list[BackupRecord]:
    """Return the backups of a migration that passed and are still there, the newest first."""
    if not there(session):
        return []
    return [_record(row) for row in session.rows(_SQL["standing"], {"id": migration_id})]


def last_resort(session: Session, migration_id: str) -> BackupRecord | None:
    """Return the newest backup that is there and has all of the old shape, if there is one."""
    found = standing(session, migration_id)
    return next((one for one in found if one.old_shape), None)


def before_purge(
    session: Session, migration_id: str, *, attempt: int, younger_than: timedelta
) -> list[BackupRecord]:
    """Return the backups of an attempt that may have what purge drops, the best first.

    None was older than that when contract began: what was written to the old columns since an
    earlier one may be nowhere else.
    """
    where = {"id": migration_id, "attempt": attempt, "seconds": younger_than.total_seconds()}
    return [_record(row) for row in session.rows(_SQL["before_purge"], where)]


def fresh(
    session: Session, migration_id: str, *, attempt: int, host: str, younger_than: timedelta
) -> BackupRecord | None:
    """Return the newest backup of an attempt that passed and lies on a machine, if there is one."""
    where = {
        "id": migration_id,
        "attempt": attempt,
        "host": host,
        "seconds": younger_than.total_seconds(),
    }
    row = session.row(_SQL["fresh"], where)
    return _record(row) if row else None


def newest(session: Session, migration_id: str) -> tuple[BackupRecord, float] | None:
    """Return the newest backup of a migration and its age in seconds, if there is one."""
    if not there(session):
        return None
    row = session.row(_SQL["newest"], {"id": migration_id})
    return (_record(row), row["age_seconds"]) if row else None


def end_clients(session: Session, application: str) -> None:
    """End what client programs of that name still do on the server."""
    session.execute(_SQL["end_clients"], {"application": application})


def _record(row: Mapping[str, Any]) -> BackupRecord:
    known = row["rows"] is not None
    return BackupRecord(
        id=row["id"],
        migration_id=row["migration_id"],
        host=row["host"],
        state=row["state"],
        taken_at=row["taken_at"],
        ended_at=row["ended_at"],
        table=TableName(schema=row["table_schema"], name=row["table_name"]),
        directory=Path(row["directory"]),
        files=tuple(BackupFile(**file) for file in row["files"]),
        server_version=row["server_version"],
        client_version=row["client_version"],
        content=Content(rows=row["rows"], hashes=tuple(row["hashes"])) if known else None,
        old_shape=row["old_shape"],
        scratch=row["scratch"],
        scratch_place=row["scratch_place"],
        restore_seconds=row["restore_seconds"],
        error=row["error"],
    )
