"""A migration's window: outside of it nothing begins, and what begins can end inside.

A reason not to wait for it is in the audit. Undo and a verification that a person asks for wait
for no window.
"""

from types import MappingProxyType
from typing import Final

from pgtide.clock import Clock
from pgtide.ledger import audit, phases
from pgtide.ledger.hours import Errand, await_hours, refuse_closed
from pgtide.ledger.record import Record, find
from pgtide.ledger.run import Run
from pgtide.model.migration import Migration
from pgtide.model.state import UNDOING, Phase
from pgtide.model.statement import Step
from pgtide.phases.begun import refuse_held
from pgtide.phases.expected import phase_seconds, step_seconds
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_COMMANDS: Final = MappingProxyType(
    {
        Phase.CONTRACT: "pgtide contract {name} --release V",
        Phase.PURGE: "pgtide purge {name}",
    }
)
_UP: Final = "pgtide up {name}"


def await_opening(run: Run, phase: Phase) -> None:
    """Raise WindowClosed where a phase may not begin now; note who would not wait."""
    if run.plan.terms.window is None:
        return
    record = run.record
    if run.caller.hurry:
        note_hurry(run, phase, hurry=run.caller.hurry)
    else:
        await_hours(run, _errand(run.session, record, phase, run.settings))


def await_step(run: Run, step: Step) -> None:
    """Raise WindowClosed where a step of finalize could not end before the window closes."""
    if run.plan.terms.window is not None:
        seconds = step_seconds(run.session, run.record, step, run.settings)
        command = _UP.format(name=run.plan.version)
        await_hours(run, Errand(what=step.name, seconds=seconds, command=command))


def refuse_early(
    session: Session,
    record: Record,
    phase: Phase,
    settings: Settings,
    *,
    clock: Clock,
    hurry: str | None,
) -> None:
    """Raise WindowClosed where a later phase may not begin now; the ledger alone tells."""
    window = record.plan.terms.window
    if window is not None and not hurry:
        now = clock.database(phases.now(session))
        refuse_closed(record.id, window, now, _errand(session, record, phase, settings))


def refuse_outside(
    session: Session, migration: Migration, *, clock: Clock, hurry: str | None
) -> None:
    """Raise Waiting where a migration's run would end at once: held, or outside its window."""
    record = find(session, migration.id)
    if migration.window is None or hurry or (record and record.state in UNDOING):
        return
    refuse_held(session, migration.id)
    stays = f"It stays {record.state}; nothing" if record else "Nothing"
    errand = Errand(
        what="anything",
        command=_UP.format(name=migration.version),
        state=f"{stays} was changed.",
    )
    refuse_closed(migration.id, migration.window, clock.database(phases.now(session)), errand)


def note_hurry(run: Run, phase: Phase, *, hurry: str | None) -> None:
    """Write down who did not wait for the window, and why; nothing where it is open."""
    window, now = run.plan.terms.window, run.heart.now()
    if window is not None and hurry and not window.is_open(now):
        audit.note(
            run.session,
            run.lease,
            "not_awaited",
            phase=phase,
            what="window",
            until=window.next_opening(now).isoformat(timespec="seconds"),
            reason=hurry,
        )


def _errand(session: Session, record: Record, phase: Phase, settings: Settings) -> Errand:
    return Errand(
        what=phase,
        seconds=phase_seconds(session, record, phase, settings),
        command=_COMMANDS.get(phase, _UP).format(name=record.version),
        state=f"It stays {record.state}; nothing was changed.",
    )
