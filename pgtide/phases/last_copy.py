"""The last copy of the old columns: purge drops it where a whole backup has them too.

Each backup of this attempt that was taken before purge has them, whatever a declared statement has
dropped meanwhile; those that have all of the old shape come first. One that was too old for
contract does not count: what was written to an old column since may be nowhere else.
"""

import socket
from typing import Final

from pgtide.backup.dumping import Teller
from pgtide.backup.files import damage
from pgtide.errors import Refused
from pgtide.ledger import audit, backups
from pgtide.ledger.backups import BackupRecord
from pgtide.ledger.record import Record
from pgtide.ledger.run import Run
from pgtide.phases.heeding import heeding
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_NONE: Final = "there is none that passed and was kept, from the day of contract or later"


def refuse_none(
    session: Session, settings: Settings, record: Record, *, without: str | None
) -> None:
    """Raise Refused where the ledger knows of no backup; no file is read."""
    if not record.plan.replacements or without:
        return
    if not _kept(session, settings, record):
        raise _refused(record, _NONE)


def missing_whole(run: Run, *, without: str | None) -> str | None:
    """Read the backups again, the likeliest first; None where one is what was written.

    Else why there is none, where a person's reason `without` lets purge go on, and Refused where
    nothing does.
    """
    record = run.record
    why = _missing(run, record) if record.plan.replacements else None
    if why and not without:
        raise _refused(record, why)
    return why


def _missing(run: Run, record: Record) -> str | None:
    """Return why no backup counts, or None where one is whole."""
    caller, harmed = heeding(run), []
    teller = Teller(emit=caller.emit, clock=run.clock)
    for one in _kept(run.session, run.settings, record):
        with teller.part("reading"):
            harm = damage(one.directory, one.files)
        if harm is None:
            return None
        if one.host == socket.gethostname():
            audit.note(run.session, run.lease, "backup_damaged", why=harm)
        else:
            harm += f"; it was taken on {one.host}"
        harmed.append(f"backup {one.id}: {harm}")
    return "; ".join(harmed) or _NONE


def _kept(session: Session, settings: Settings, record: Record) -> list[BackupRecord]:
    return backups.before_purge(
        session, record.id, attempt=record.attempt, younger_than=settings.backups_fresh
    )


def _refused(record: Record, why: str) -> Refused:
    return Refused(
        f"{record.id} cannot be purged: no whole backup has its old columns ({why}).",
        state="Nothing was dropped; they are still there, and in step.",
        remedy=(
            "Put the files of one back where they were, or take one with "
            f"`pgtide backup {record.version}`; then run `pgtide purge {record.version}` "
            "again. `--without-backup --reason TEXT` drops them all the same."
        ),
    )
