"""Backup: dumped at one snapshot, restored into a scratch database, compared; or it is none.

It changes nothing of the migration: it is for disaster, undo does not need it.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Final

from pgtide.backup.dumping import Teller, dumped
from pgtide.backup.files import damage, make_folder, write_manifest
from pgtide.backup.leftovers import (
    application,
    clear,
    clear_killed,
    drop_scratch,
    keep_newest,
)
from pgtide.backup.trial import compared, restored
from pgtide.errors import Busy, Failed, PgtideError, Refused
from pgtide.ledger import audit, backups
from pgtide.ledger.backups import BackupRecord, Beginning
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.ledger.schema import install
from pgtide.model.state import State
from pgtide.phases.target import refuse_moved, refuse_target
from pgtide.postgres import scratch
from pgtide.postgres.client import Client
from pgtide.postgres.pooler import refuse_pooler
from pgtide.postgres.programs import Programs, client_programs
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings
from pgtide.sql import queries

# Postgres notices a killed client within five seconds (client_connection_check_interval).
_GRACE: Final = 8.0
_POLL: Final = 0.2
_MAJOR: Final = 10000
_LEDGER: Final = queries("ledger")
# Whose strong locks a dump would keep waiting, and the other way round.
_DDL: Final = frozenset(
    {
        State.EXPANDING,
        State.FINALIZING,
        State.CONTRACTING,
        State.PURGING,
        State.ROLLING_BACK,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One backup: its settings and caller, the ledger's session, and where scratch databases go."""

    settings: Settings
    caller: Caller
    record: Record
    session: Session
    place: Session
    host: str
    programs: Programs


def backup(settings: Settings, caller: Caller, record: Record) -> BackupRecord:
    """Take a backup of a migration's table, try it, and return it as the ledger has it.

    Raises Refused before anything is written; Failed where the trial shows that it is none.
    """
    with prepared(settings, caller, record) as work:
        return take(work)


@contextmanager
def prepared(settings: Settings, caller: Caller, record: Record) -> Iterator[Work]:
    """Keep other backups away, with all checked that could forbid this one.

    Raises Refused or Busy before anything is written.
    """
    refuse_pooler(settings.url)
    with (
        connect(settings.url, purpose="backup") as session,
        _place(settings) as place,
    ):
        refuse_target(session, settings)
        refuse_moved(session, record.plan)
        _refuse_ddl(session, settings, record)
        programs = client_programs(session.version // _MAJOR, settings.postgres_bin)
        _refuse_place(session, place, settings)
        install(session, log_schema=settings.log_schema)
        _become_the_only_one(session, caller)
        work = Work(
            settings=settings,
            caller=caller,
            record=record,
            session=session,
            place=place,
            host=socket.gethostname(),
            programs=programs,
        )
        clear_killed(session, place, settings, actor=caller.actor, host=work.host)
        yield work


def _place(settings: Settings) -> Session:
    if settings.scratch_url:
        return connect(settings.scratch_url, purpose="scratch", given="PGTIDE_SCRATCH_URL")
    return connect(settings.url, purpose="scratch")


def take(work: Work) -> BackupRecord:
    """Take the backup that was prepared, and try it."""
    session, record = work.session, work.record
    beginning = _beginning(work)
    make_folder(beginning.directory)
    client = Client(
        programs=work.programs,
        application=application(beginning.scratch),
        folder=beginning.directory,
        stop=work.caller.stop,
    )
    id_ = backups.begin(session, beginning)
    audit.note_by(
        session, record.id, work.caller.actor, "backup_began", directory=str(beginning.directory)
    )
    with _recorded(work, id_):
        seconds = _taken_and_tried(work, client, id_, name=beginning.scratch)
        found = _found(work, id_)
        write_manifest(beginning.directory, found)
        with session.transaction(settings={"synchronous_commit": "on"}):
            backups.passed(session, id_, seconds=seconds)
            audit.note_by(
                session,
                record.id,
                work.caller.actor,
                "backup_passed",
                rows=found.content.rows if found.content else None,
                bytes=found.bytes,
                restore_seconds=round(seconds, 3),
            )
    keep_newest(session, work.settings, record.id, actor=work.caller.actor, host=work.host)
    return _found(work, id_)


def _taken_and_tried(work: Work, client: Client, id_: int, *, name: str) -> float:
    teller = Teller(emit=work.caller.emit, clock=work.caller.clock)
    with connect(work.settings.url, purpose="snapshot") as snapshot:
        found = dumped(work.settings, snapshot, client, work.record, teller=teller)
    backups.taken(work.session, id_, found)
    with teller.part("reading"):
        harm = damage(client.folder, found.files)
        if harm:
            raise Failed(
                f"The backup is damaged: {harm}.",
                state="The migration is as it was; this is no backup.",
                remedy="Look at the disk, then take another one.",
            )
    begun = work.caller.clock.monotonic()
    with _scratch(work, name) as session:
        with teller.part("restoring"):
            restored(session, client, client.folder, files=found.files)
        seconds = work.caller.clock.monotonic() - begun
        with teller.part("comparing"):
            compared(session, client, work.record.table, held=found.content)
    return seconds


@contextmanager
def _scratch(work: Work, name: str) -> Iterator[Session]:
    url = scratch.with_database(work.settings.scratch_url or work.settings.url, name)
    try:
        scratch.create(work.place, name, like=work.session)
        with connect(url, purpose="scratch") as session:
            yield session
    finally:
        # What cannot be dropped now is dropped by the next run: the ledger names it.
        with suppress(PgtideError):
            drop_scratch(work.place, name)


@contextmanager
def _recorded(work: Work, id_: int) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        why = error.what if isinstance(error, PgtideError) else type(error).__name__
        # Where the reason cannot be written down, the next run finds an unfinished backup.
        with suppress(PgtideError):
            clear(work.session, work.place, work.settings, one=_found(work, id_), host=work.host)
            backups.failed(work.session, id_, why=why)
            audit.note_by(work.session, work.record.id, work.caller.actor, "backup_failed", why=why)
        raise


def _beginning(work: Work) -> Beginning:
    token = secrets.token_hex(6)
    stamp = f"{work.caller.clock.now().astimezone(UTC):%Y%m%d_%H%M%S}"
    return Beginning(
        migration_id=work.record.id,
        attempt=work.record.attempt,
        actor=work.caller.actor,
        host=work.host,
        table=work.record.table,
        directory=Path(work.settings.backups_dir).resolve() / work.record.id / f"{stamp}_{token}",
        server_version=work.session.version,
        client_version=work.programs.version,
        scratch=f"pgtide_scratch_{token}",
        scratch_place=work.place.place,
    )


def _found(work: Work, id_: int) -> BackupRecord:
    newest = backups.newest(work.session, work.record.id)
    if newest is None or newest[0].id != id_:
        raise Failed(
            "The ledger does not know this backup any more.",
            state="The migration is as it was.",
            remedy="Take another one.",
        )
    return newest[0]


def _refuse_place(session: Session, place: Session, settings: Settings) -> None:
    where = "PGTIDE_SCRATCH_URL" if settings.scratch_url else "DATABASE_URL"
    if place.version // _MAJOR != session.version // _MAJOR:
        raise _refused(
            f"PGTIDE_SCRATCH_URL leads to PostgreSQL {place.version // _MAJOR}, and the table is "
            f"on {session.version // _MAJOR}",
            "Name a server of the same major version: the trial shall show what a restore does.",
        )
    if not scratch.may_create(place):
        raise _refused(
            f"A backup is tried in a scratch database, and the role of {where} may not create one",
            "Name a server and a role that may in PGTIDE_SCRATCH_URL, or ALTER ROLE ... CREATEDB.",
        )


def _refuse_ddl(session: Session, settings: Settings, record: Record) -> None:
    # pg_dump's locks, held to its end, and DDL's would be in each other's way (trap 90).
    if record.state not in _DDL:
        return
    for run in session.rows(_LEDGER["live_runs"], {"oid": record.table_oid}):
        # Contract takes one itself, before it asks for its lock.
        ours = (run["host"], run["pid"]) == (socket.gethostname(), os.getpid())
        if not ours and run["silent_seconds"] <= settings.lease.total_seconds():
            raise Busy(
                f"{record.id} is {record.state}: its DDL and a dump would wait for each other.",
                state="Nothing was changed.",
                remedy="Run the command again when that phase is done; it takes a moment.",
            )


def _become_the_only_one(session: Session, caller: Caller) -> None:
    begun = caller.clock.monotonic()
    while not backups.only_one(session):
        if caller.clock.monotonic() - begun > _GRACE or caller.stop.is_set():
            raise Busy(
                "Another backup of this database is being taken.",
                state="Nothing was changed.",
                remedy="Wait for its end; `pgtide history` shows who began it.",
            )
        caller.clock.sleep(_POLL)


def _refused(what: str, remedy: str) -> Refused:
    return Refused(f"{what}.", state="Nothing was changed.", remedy=remedy)
