"""Carry out a step of declared SQL; and say where such a step closed the way back."""

from collections.abc import Collection
from functools import partial

from pgtide.errors import Failed, Refused
from pgtide.events import WayBackClosed
from pgtide.ledger import audit, log, steps
from pgtide.ledger.fingerprint import same_but_for_file
from pgtide.ledger.record import Record, set_fingerprint
from pgtide.ledger.run import Run
from pgtide.model.state import Phase
from pgtide.model.statement import Step
from pgtide.phases.fingerprint import take
from pgtide.phases.last_resort import last_resort
from pgtide.phases.step import perform
from pgtide.postgres.session import Session


def perform_free(run: Run, step: Step, *, ordinal: int) -> None:
    """Bring a declared statement's effect about.

    Raises Failed, with nothing changed, where it touches what keeps both shapes in step.
    """
    known = {one.name for one in steps.recorded(run.session, run.record.id) if one.state == "done"}
    if step.name in known:
        perform(run, step, ordinal=ordinal)
        return
    # Already different: somebody else's doing, and verification's to tell.
    whole = take(run, run.session) == run.record.fingerprint
    perform(run, step, ordinal=ordinal, also=partial(_after, run, step, whole=whole))
    if step.irreversible:
        run.emit(WayBackClosed(step=step.name, reason=step.irreversible))


def note_closed(run: Run, step: Step, status: str, session: Session) -> None:
    """Write down, in the step's transaction, that it closed the way back, if it did."""
    if step.irreversible:
        record = run.record
        log.status(session, record, status, log_schema=run.settings.log_schema, available=False)
        audit.note(session, run.lease, "way_back_closed", step=step.name, why=step.irreversible)


def refuse_irreversible(
    session: Session, record: Record, phases: Collection[Phase] = tuple(Phase)
) -> None:
    """Raise Refused where a step of these phases was taken that nothing can take back."""
    found = steps.irreversible(session, record.id, phases)
    if found:
        why = "; ".join(f"{step.name}: {step.irreversible}" for step in found)
        raise Refused(
            f"{record.id} cannot be undone any more. {why}.",
            state=f"Nothing was changed by this command; it is {record.state}.",
            remedy=f"`pgtide status {record.version}` says how it goes on. Where data is lost: "
            f"{last_resort(session, record)}",
        )


def _after(run: Run, step: Step, session: Session, *, whole: bool) -> None:
    if step.transactional and whole:
        _follow(run, step, session)
    note_closed(run, step, log.RUNNING, session)


def _follow(run: Run, step: Step, session: Session) -> None:
    known, now = run.record.fingerprint or "{}", take(run, session)
    if now == known:
        return
    if not same_but_for_file(known, now):
        raise Failed(
            f"{step.name} changes the triggers, functions or columns that keep both shapes in "
            "step: writes could go past them.",
            state="The statement was rolled back; the steps before it are kept.",
            remedy="Run `pgtide down`, take it out of the migration, and begin again.",
        )
    # A rewrite lets no writer past the triggers.
    set_fingerprint(session, run.lease, now)
