"""Rollback: back to the old shape, every write to it kept, and what it cannot hold in the archive.

Everything it needs is in the ledger: it works without the migration's file. Contract is taken back
first, in a transaction of its own: the statements that undo expand name the columns as they were
called before it.
"""

from dataclasses import replace
from functools import partial

from pgtide.changes.archive_trigger import capture
from pgtide.ledger import audit, hanging, log, steps
from pgtide.ledger.archive import forget_empty
from pgtide.ledger.run import Run
from pgtide.ledger.steps import RecordedStep
from pgtide.model.state import Phase
from pgtide.model.statement import Lock
from pgtide.phases.archive import fill_archive
from pgtide.phases.conduct import conducted
from pgtide.phases.rollback_contract import undo_contract
from pgtide.phases.undo import undo_apart, undo_name, undo_together
from pgtide.postgres.catalog import read_name
from pgtide.postgres.session import Session


def rollback(run: Run) -> None:
    """Take the migration back; safe to run again from any point."""
    with conducted(run, Phase.ROLLBACK) as outcome:
        along = hanging.along(run.session, run.lease.migration_id)
        if not _dropped(run):
            undo_contract(run, whole=True)
        done = {one.name for one in _to_undo(run)}
        if (
            run.plan.archive is not None
            and not _dropped(run)
            and done & {step.name for step in run.plan.expand}
        ):
            outcome.rows = fill_archive(run, run.plan.archive)
        for step in _one_by_one(_to_undo(run)):
            if step.transactional:
                undo_together(run, undo_name(step), (step,))
            else:
                undo_apart(run, step)
        # Triggers, columns and functions go in one short transaction, the last act first.
        together = [step for step in _to_undo(run) if step.transactional]
        undo_together(run, "undo.shape", together, also=partial(_close, run, along))
        with run.session.unhurried() as session:
            forget_empty(session, run.lease)


def _to_undo(run: Run) -> list[RecordedStep]:
    todo = [
        step
        for step in steps.recorded(run.session, run.plan.migration_id)
        if step.state != "undone"
    ]
    if not _dropped(run):
        return todo
    # What was on the table went with it, and its name may be another table's by now.
    apart = _apart_from_table(run)
    return [
        replace(step, transactional=True, undo=tuple(sql for sql in step.undo if sql in apart))
        for step in todo
    ]


def _dropped(run: Run) -> bool:
    return read_name(run.session, run.plan.table_oid) is None


def _apart_from_table(run: Run) -> set[str]:
    made = list(run.plan.steps)
    if run.plan.archive is not None:
        made.append(capture(run.plan, run.plan.archive, attempt=run.lease.attempt))
    return {one.undo for step in made for one in step.statements if one.lock is Lock.NONE}


def _one_by_one(todo: list[RecordedStep]) -> list[RecordedStep]:
    """Return the steps that cannot wait for the last transaction, in the order of undoing.

    Those that allow no transaction; and what finalize built upon them, which would be in their way:
    a constraint that uses a concurrently built index, say.
    """
    apart = [number for number, step in enumerate(todo) if not step.transactional and step.undo]
    last = max(apart, default=-1)
    return [
        step
        for number, step in enumerate(todo)
        if not step.transactional or (number < last and step.phase == Phase.FINALIZE)
    ]


def _close(run: Run, along: list[str], session: Session) -> None:
    record = run.record
    if along:
        audit.note(session, run.lease, "goes_along", what=along)
    if record.log_id is not None:
        log.status(
            session,
            record,
            log.ROLLED_BACK,
            log_schema=run.settings.log_schema,
            available=False,
        )
