"""Restore: a backup that passed, into an empty database; compared afterwards.

The newest that has all of the old shape, unless another one is named.
"""

import socket
from dataclasses import dataclass
from typing import Final

from pgtide.backup.dumping import Teller
from pgtide.backup.files import damage
from pgtide.backup.trial import compared, restored
from pgtide.errors import Refused
from pgtide.ledger import audit, backups
from pgtide.ledger.backups import BackupRecord
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.postgres import scratch
from pgtide.postgres.client import Client
from pgtide.postgres.programs import client_programs
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings

_MAJOR: Final = 10000


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A backup that is in a database again, and how long it took."""

    backup: BackupRecord
    newer: BackupRecord | None
    rows: int
    seconds: float


def restore(
    settings: Settings, caller: Caller, record: Record, *, into: str, number: int | None = None
) -> Restored:
    """Restore a backup that passed into an empty database, a name or an address.

    Without a number it is the newest that has all of the old shape, else the newest; `newer` is
    what was passed over then. Raises Refused where there is none, it is damaged, or the database
    is not an empty other one.
    """
    with (
        connect(settings.url, purpose="restore") as target,
        connect(_address(settings, into), purpose="restore", given="--into") as session,
    ):
        _refuse_database(target, session, into)
        standing = backups.standing(target, record.id)
        found = _chosen(standing, record, number)
        _refuse_elsewhere(found)
        programs = client_programs(session.version // _MAJOR, settings.postgres_bin)
        client = Client(
            programs=programs,
            application="pgtide restore",
            folder=found.directory,
            stop=caller.stop,
        )
        teller = Teller(emit=caller.emit, clock=caller.clock)
        with teller.part("reading"):
            _refuse_damaged(found)
        begun = caller.clock.monotonic()
        rows = _into(session, client, found, teller=teller)
        seconds = caller.clock.monotonic() - begun
        told = {"backup": found.id, "rows": rows, "taken_at": found.taken_at}
        audit.note_by(target, record.id, caller.actor, "backup_restored", **told)
        newer = standing[0] if number is None and standing[0] != found else None
        return Restored(backup=found, newer=newer, rows=rows, seconds=seconds)


def _into(session: Session, client: Client, found: BackupRecord, *, teller: Teller) -> int:
    held = found.content
    if held is None:
        raise _refused("The ledger does not say what the backup holds", "Take another one.")
    with teller.part("restoring"):
        restored(session, client, found.directory, files=found.files)
    with teller.part("comparing"):
        compared(session, client, found.table, held=held)
    return held.rows


def _address(settings: Settings, into: str) -> str:
    if "://" in into or "=" in into:
        return into
    return scratch.with_database(settings.url, into)


def _refuse_database(target: Session, session: Session, into: str) -> None:
    if scratch.same_database(target, session):
        raise _refused(
            "The database to restore into is the one that the backup was taken of",
            "Create an empty database and name it in --into.",
        )
    inside = scratch.occupants(session)
    if inside:
        name = "The database to restore into" if "=" in into or "://" in into else into
        raise _refused(
            f"{name} is not empty: it has {', '.join(inside)}",
            "Create an empty database and name it in --into.",
        )


def _chosen(standing: list[BackupRecord], record: Record, number: int | None) -> BackupRecord:
    if not standing:
        raise _refused(
            f"{record.id} has no backup that passed", f"`pgtide backup {record.version}` takes one."
        )
    if number is None:
        return next((one for one in standing if one.old_shape), standing[0])
    named = [one for one in standing if one.id == number]
    if not named:
        known = ", ".join(str(one.id) for one in standing)
        raise _refused(
            f"{record.id} has no backup {number} that passed and was kept",
            f"It has: {known}.",
        )
    return named[0]


def _refuse_elsewhere(found: BackupRecord) -> None:
    here = socket.gethostname()
    if not found.directory.is_dir():
        where = "" if found.host == here else f"; it was taken on {found.host}, this is {here}"
        raise _refused(
            f"Backup {found.id} is not here: there is no {found.directory}{where}",
            "Run the command where it is, put it back, or name another one with --backup.",
        )


def _refuse_damaged(found: BackupRecord) -> None:
    what = damage(found.directory, found.files)
    if what:
        raise _refused(
            f"Backup {found.id} is damaged: {what}",
            "Look for a copy of that file, or name another backup with --backup.",
        )


def _refused(what: str, remedy: str) -> Refused:
    return Refused(f"{what}.", state="Nothing was restored.", remedy=remedy)
