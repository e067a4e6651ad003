"""Contract, purge and the way back, driven as their callers do, without an orchestrator."""

import atexit
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from pgtide.events import Event, Listener, StepBegan, silence
from pgtide.ledger import approvals
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate
from pgtide.model.state import State
from pgtide.phases import backward
from pgtide.phases.begun import begun
from pgtide.phases.contract import Contracting
from pgtide.phases.contract import contract as carry_out
from pgtide.phases.purge import Purging
from pgtide.phases.purge import purge as carry_out_purge
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.driving import ACTOR, record_of, settings_for

APPROVER = "ann"
RELEASE = "2.2.0"
HURRY = "a test has no day to wait"


@cache
def _backups() -> Path:
    # Not at import: a process that is killed leaves its folder behind, and most need none.
    folder = Path(tempfile.mkdtemp(prefix="pgtide-backups-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def later_settings(url: str) -> Settings:
    """Return settings whose backups do not outlive the tests."""
    return replace(settings_for(url), backups_dir=_backups())


def approve(url: str, migration_id: str, gate: Gate) -> None:
    """Say yes at a gate, in the name of a person who has not started the migration."""
    record = record_of(url, migration_id)
    with connect(url, purpose="test") as session:
        seen = approvals.verified_by(session, migration_id)
        assert seen is not None
        approvals.keep(
            session,
            record,
            gate,
            approved=True,
            actor=APPROVER,
            typed_by=APPROVER,
            account=APPROVER,
            reason="a test says so",
            verification_id=seen.id,
            mended=None,
        )


def contract(
    url: str,
    migration_id: str,
    *,
    release: str = RELEASE,
    hurry: str | None = HURRY,
    emit: Listener = silence,
    settings: Settings | None = None,
) -> Record:
    """Approve contract, carry it out, and return the migration's record."""
    approve(url, migration_id, Gate.CONTRACT)
    caller = Caller(actor=ACTOR, emit=emit)
    with begun(settings or later_settings(url), caller, record_of(url, migration_id)) as run:
        carry_out(run, Contracting(release=release, hurry=hurry))
    return record_of(url, migration_id)


def purge(
    url: str,
    migration_id: str,
    *,
    hurry: str | None = HURRY,
    emit: Listener = silence,
    settings: Settings | None = None,
) -> Record:
    """Approve purge, carry it out, and return the migration's record."""
    approve(url, migration_id, Gate.READS_SWITCHED)
    caller = Caller(actor=ACTOR, emit=emit)
    with begun(settings or later_settings(url), caller, record_of(url, migration_id)) as run:
        carry_out_purge(run, Purging(hurry=hurry))
    return record_of(url, migration_id)


def to_verified(url: str, migration_id: str, *, emit: Listener = silence) -> Record:
    """Undo contract, and contract only; return the record."""
    caller = Caller(actor=ACTOR, emit=emit, heeds_hold=False)
    record = record_of(url, migration_id)
    backward.undo(settings_for(url), caller, record, to=State.VERIFIED)
    return record_of(url, migration_id)


def once(step: str, act: Callable[[], object]) -> Listener:
    """Return a listener that acts when a step begins, before it has its lock."""
    acted = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, StepBegan) and event.step == step and not acted.is_set():
            acted.set()
            act()

    return listen
