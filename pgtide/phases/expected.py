"""How long work will take, as far as that is known before: for windows, which it must fit.

What this migration did before tells best; else the table's size at a rate that any disk keeps.
"""

from typing import Final

from pgtide.ledger import backups, steps, verifications
from pgtide.ledger.record import Record
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Step
from pgtide.postgres.catalog import read_size
from pgtide.postgres.locks import LockPolicy
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_BLOCK: Final = 8192
# A small rented disk, shared with the application; most are several times as fast.
_BYTES_PER_SECOND: Final = 20e6
# Read to be dumped, read to be checked, written again on trial.
_BACKUP_READS: Final = 3


def phase_seconds(session: Session, record: Record, phase: Phase, settings: Settings) -> float:
    """Return how long a phase will take that is not stopped once it has begun; else 0."""
    match phase:
        case Phase.BACKUP:
            return backup_seconds(session, record)
        case Phase.VERIFY:
            last = verifications.newest(session, record.id)
            return last.verdict.seconds if last else _reading(session, record)
        case Phase.EXPAND | Phase.PURGE:
            return patience(settings)
        case Phase.CONTRACT:
            return patience(settings) + _fresh_backup(session, record, settings)
        case _:
            # It stops at a checkpoint, or asks step by step.
            return 0.0


def step_seconds(session: Session, record: Record, step: Step, settings: Settings) -> float:
    """Return how long a step of finalize will take."""
    if not _scans(step):
        return patience(settings)
    alike = {one.name for one in record.plan.finalize if _scans(one)}
    taken = [
        one.seconds
        for one in steps.recorded(session, record.id)
        if one.name in alike and one.state == "done" and one.seconds
    ]
    return max(taken) if taken else _reading(session, record)


def backup_seconds(session: Session, record: Record) -> float:
    """Return how long a backup will take."""
    found = backups.newest(session, record.id)
    if found and found[0].ended_at:
        return (found[0].ended_at - found[0].taken_at).total_seconds()
    return _BACKUP_READS * _reading(session, record)


def patience(settings: Settings) -> float:
    """Return how long a short transaction may have to try for its lock."""
    return LockPolicy(wait=settings.lock_wait, tries=settings.lock_tries).patience


def _scans(step: Step) -> bool:
    # What keeps nobody from writing is what reads the whole table: a build, a validation.
    return any(one.lock is Lock.SHARE_UPDATE_EXCLUSIVE or one.rewrites for one in step.statements)


def _fresh_backup(session: Session, record: Record, settings: Settings) -> float:
    found = backups.newest(session, record.id)
    young = found is not None and found[1] < settings.backups_fresh.total_seconds()
    return 0.0 if young else backup_seconds(session, record)


def _reading(session: Session, record: Record) -> float:
    return read_size(session, record.table_oid).blocks * _BLOCK / _BYTES_PER_SECOND
