"""Drive the engine as its callers do, without an orchestrator."""

from collections.abc import Callable
from dataclasses import replace

from pgtide.errors import PgtideError
from pgtide.events import Listener, silence
from pgtide.ledger.record import Record, find
from pgtide.ledger.run import Caller
from pgtide.model.migration import Migration
from pgtide.model.plan import Plan
from pgtide.model.state import Phase
from pgtide.phases import backward
from pgtide.phases.forward import forward, opened
from pgtide.phases.preflight import preflight
from pgtide.postgres.session import connect
from pgtide.settings import Settings

ACTOR = "tester"


def settings_for(url: str) -> Settings:
    """Return settings for a database of the tests'; the tests of the backup ask for one."""
    return Settings(database_url=url, actor=ACTOR, backup_first=False)


def migrate(
    url: str,
    migration: Migration,
    *,
    until: Phase = Phase.VERIFY,
    emit: Listener = silence,
    settings: Settings | None = None,
) -> Record:
    """Go forward to the end of a phase and return the migration's record."""
    chosen = settings or settings_for(url)
    with opened(chosen, Caller(actor=ACTOR, emit=emit), migration) as run:
        forward(run, until)
    return record_of(url, migration.id)


def undo(url: str, migration_id: str, *, emit: Listener = silence) -> Record:
    """Take a migration back and return its record."""
    caller = Caller(actor=ACTOR, emit=emit, heeds_hold=False)
    backward.undo(settings_for(url), caller, record_of(url, migration_id))
    return record_of(url, migration_id)


def plan_of(url: str, migration: Migration) -> Plan:
    """Return the plan of a migration that has not begun."""
    with connect(url, purpose="test") as session:
        return preflight(session, settings_for(url), migration)


def record_of(url: str, migration_id: str) -> Record:
    """Return what the ledger knows of a migration."""
    with connect(url, purpose="test") as session:
        found = find(session, migration_id)
    assert found is not None, f"the ledger does not know {migration_id}"
    return found


def refusal(act: Callable[[], object]) -> PgtideError:
    """Return the error that an act must end in."""
    try:
        act()
    except PgtideError as error:
        return error
    raise AssertionError("it was not refused")


def patient(settings: Settings, *, tries: int) -> Settings:
    """Return settings that try so often for a strong lock."""
    return replace(settings, lock_tries=tries)
