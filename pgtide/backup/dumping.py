"""Two dumps and the table's content, all three of one moment.

A session exports its snapshot and reads the table's content in it, while pg_dump reads the same
snapshot: writers go on meanwhile, and all three agree to the row.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pgtide.backup.files import Take, write
from pgtide.clock import Clock
from pgtide.events import BackupGrew, BackupPartBegan, BackupPartEnded, Listener
from pgtide.ledger.backups import BackupFile, Dumped, has_old_shape
from pgtide.ledger.record import Record
from pgtide.postgres.aside import aside, awaited
from pgtide.postgres.client import Client, Dump, dump_data, dump_schema
from pgtide.postgres.content import content
from pgtide.postgres.leaves import leaf_names
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_ONE_MOMENT: Final = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Idle while pg_dump reads, for as long as that takes.
_PATIENT: Final = {"idle_in_transaction_session_timeout": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Who hears of the parts of a backup, by which clock."""

    emit: Listener
    clock: Clock

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Tell the begin and the end of a part that writes no file."""
        begun = self.clock.monotonic()
        self.emit(BackupPartBegan(part=name))
        yield
        self.emit(BackupPartEnded(part=name, seconds=self.clock.monotonic() - begun))

    def written(self, name: str, path: Path, produce: Callable[[Take], None]) -> BackupFile:
        """Write a file and tell how it grows."""
        begun = self.clock.monotonic()
        self.emit(BackupPartBegan(part=name, path=str(path)))
        file = write(path, produce, tell=lambda size: self.emit(BackupGrew(part=name, bytes=size)))
        seconds = self.clock.monotonic() - begun
        self.emit(BackupPartEnded(part=name, seconds=seconds, path=str(path), bytes=file.bytes))
        return file


def dumped(
    settings: Settings, session: Session, client: Client, record: Record, *, teller: Teller
) -> Dumped:
    """Write both dumps into the client's folder; return them with the table's content."""
    login, folder, table = session.login, client.folder, record.table
    wait = settings.backups_lock_wait
    with session.transaction(mode=_ONE_MOMENT, settings=_PATIENT, lock_timeout=wait):
        dump = Dump(
            snapshot=str(session.value("SELECT pg_export_snapshot()")),
            compression=settings.backups_compression,
            lock_wait=wait,
        )
        # Of a partitioned table, those that the snapshot shows: not one that came later.
        leaves = leaf_names(session, record.table_oid)
        replaces = bool(record.plan.replacements)
        old_shape = has_old_shape(session, record.id, replaces=replaces)
        with aside(session, lambda: content(session, table)) as answer:
            schema = teller.written(
                "schema",
                folder / "schema.dump",
                lambda take: dump_schema(client, login, dump, take),
            )
            data = teller.written(
                "data",
                folder / "data.dump",
                lambda take: dump_data(client, login, dump, leaves, take=take),
            )
            found = awaited(answer, client.stop)
            return Dumped(files=(schema, data), content=found, old_shape=old_shape)
