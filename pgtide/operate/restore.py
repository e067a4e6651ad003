"""Restore: the newest backup that passed, into an empty database; compared afterwards."""

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
    rows: int
    seconds: float


def restore(settings: Settings, caller: Caller, record: Record, *, into: str) -> Restored:
    """Restore the newest backup that passed into an empty database, a name or an address.

    Raises Refused where there is none, it is damaged, or the database is not an empty other one.
    """
    with (
        connect(settings.url, purpose="restore") as target,
        connect(_address(settings, into), purpose="restore", given="--into") as session,
    ):
        _refuse_database(target, session, into)
        found = _newest(target, record)
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
        audit.note_by(
            target, record.id, caller.actor, "backup_restored", rows=rows, taken_at=found.taken_at
        )
        return Restored(backup=found, rows=rows, seconds=seconds)


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


def _newest(target: Session, record: Record) -> BackupRecord:
    standing = backups.standing(target, record.id)
    if not standing:
        raise _refused(
            f"{record.id} has no backup that passed", f"`pgtide backup {record.version}` takes one."
        )
    found, here = standing[0], socket.gethostname()
    if not found.directory.is_dir():
        where = "" if found.host == here else f"; it was taken on {found.host}, this is {here}"
        raise _refused(
            f"The newest backup is not here: there is no {found.directory}{where}",
            "Run the command where it is, or put it back.",
        )
    return found


def _refuse_damaged(found: BackupRecord) -> None:
    what = damage(found.directory, found.files)
    if what:
        raise _refused(
            f"The newest backup is damaged: {what}",
            "Take another backup; if the table is lost, look for a copy of that file.",
        )


def _refused(what: str, remedy: str) -> Refused:
    return Refused(f"{what}.", state="Nothing was restored.", remedy=remedy)
