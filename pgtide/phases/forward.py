"""The way forward: from a declaration to a held migration, and the phases in their order."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from pgtide.errors import Refused
from pgtide.ledger import audit
from pgtide.ledger.record import Record, find, register
from pgtide.ledger.run import Caller, Run, holding
from pgtide.ledger.schema import install
from pgtide.model.migration import Migration
from pgtide.model.plan import Plan
from pgtide.model.route import next_phase
from pgtide.model.state import UNDOING, UNTOUCHED, Phase
from pgtide.phases.backfill import backfill
from pgtide.phases.begun import refuse_held, refuse_undone
from pgtide.phases.estimate import refuse_excess
from pgtide.phases.expand import expand
from pgtide.phases.finalize import finalize
from pgtide.phases.first_backup import first_backup
from pgtide.phases.preflight import preflight, refuse_edited
from pgtide.phases.verify import verify
from pgtide.phases.window import await_opening
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings

WORK: Final[Mapping[Phase, Callable[[Run], object]]] = MappingProxyType(
    {
        Phase.BACKUP: first_backup,
        Phase.EXPAND: expand,
        Phase.BACKFILL: backfill,
        Phase.FINALIZE: finalize,
        Phase.VERIFY: verify,
    },
)


@contextmanager
def opened(settings: Settings, caller: Caller, migration: Migration) -> Iterator[Run]:
    """Check a migration, write it down, and hold it.

    Nothing is changed before the checks have passed.
    """
    with connect(settings.url, purpose="preflight") as session:
        plan = preflight(session, settings, migration)
        refuse_held(session, migration.id)
        if not caller.starts_over:
            refuse_undone(session, migration.id)
        accepted = _excess(session, settings, caller, plan)
        install(session, log_schema=settings.log_schema)
        register(session, migration, plan)
        record = find(session, migration.id)
        if accepted and record is not None:
            why = "; ".join(accepted)
            audit.note_by(session, record.id, caller.actor, "excess_accepted", why=why)
    if record is None:
        raise Refused(
            f"{migration.id} could not be written down.",
            state="Nothing was changed.",
            remedy="Try again.",
        )
    # Somebody else may have begun it with another file between our check and our writing.
    refuse_edited(record, migration)
    _refuse_undoing(record)
    with holding(settings, caller, record) as run:
        yield run


def _excess(session: Session, settings: Settings, caller: Caller, plan: Plan) -> tuple[str, ...]:
    # What has begun has been let through before.
    begun = find(session, plan.migration_id)
    if begun is not None and begun.state not in UNTOUCHED:
        return ()
    window = plan.terms.window
    week = window.week_seconds if window else None
    return refuse_excess(session, settings, caller, plan, week_seconds=week)


def following(run: Run, until: Phase = Phase.VERIFY) -> Phase | None:
    """Return the phase that comes next, as the ledger has it now.

    Raises WindowClosed where it may not begin now.
    """
    record = run.record
    phase = next_phase(
        record.state,
        resume_to=record.resume_to,
        sweep_due=record.sweep_due,
        until=until,
        backup_first=run.settings.backup_first,
    )
    if phase is not None:
        await_opening(run, phase)
    return phase


def forward(run: Run, until: Phase = Phase.VERIFY) -> None:
    """Carry out what is left, phase by phase, without an orchestrator."""
    while phase := following(run, until):
        WORK[phase](run)


def _refuse_undoing(record: Record) -> None:
    if record.state in UNDOING:
        raise Refused(
            f"{record.id} is being undone: it is {record.state}.",
            state="Nothing was changed by this command.",
            remedy=f"Run `pgtide down {record.id}` to end that, then `pgtide up` to start over.",
        )
