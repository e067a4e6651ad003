"""Rollback: back to the old shape, every write to it kept, and what it cannot hold in the archive.

Everything it needs is in the ledger: it works without the migration's file.
"""

from collections.abc import Sequence
from dataclasses import replace

from pgtide.backfill import statements
from pgtide.backfill.batch import Rewritten
from pgtide.backfill.drive import drive
from pgtide.changes.archive_trigger import capture
from pgtide.errors import Failed
from pgtide.events import StatementBegan, StatementEnded, StepBegan, StepEnded
from pgtide.ledger import audit, log, slices, steps
from pgtide.ledger.archive import forget, forget_empty
from pgtide.ledger.record import fence
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Cut, Kind
from pgtide.ledger.steps import RecordedStep
from pgtide.model.plan import ArchiveSql
from pgtide.model.state import Phase
from pgtide.model.statement import Lock
from pgtide.phases.conduct import conducted
from pgtide.phases.step import After, perform, policy, present, waited
from pgtide.postgres.catalog import read_name, read_size
from pgtide.postgres.locks import patiently
from pgtide.postgres.session import Session

# The ordinals of a rollback's own steps come after those of any plan: they are undone first.
_OWN: int = 10_000
_REWRITES = 3


def rollback(run: Run) -> None:
    """Take the migration back; safe to run again from any point."""
    with conducted(run, Phase.ROLLBACK) as outcome:
        done = {one.name for one in _to_undo(run)}
        if (
            run.plan.archive is not None
            and not _dropped(run)
            and done & {step.name for step in run.plan.expand}
        ):
            outcome.rows = _archive(run, run.plan.archive)
        for step in _one_by_one(_to_undo(run)):
            if step.transactional:
                _undo_together(run, (step,), _name(step))
            else:
                _undo_apart(run, step)
        _undo_last(run)
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
    ahead = {sql for step in made for sql in step.undo_ahead}
    return ahead | {one.undo for step in made for one in step.statements if one.lock is Lock.NONE}


def _archive(run: Run, archive: ArchiveSql) -> int:
    work = statements.archiving(run.plan, archive, run.lease)
    # A trigger whose function names a column that is gone would fail every write.
    run.session.execute(
        f"EXPLAIN {work.open_ended}", {"low": "(0,0)"}, doing="trying the archive's statement"
    )
    step = capture(run.plan, archive, attempt=run.lease.attempt)
    if not present(run, step):
        # Nor was it there since the archive was filled, if it ever was: writes may have gone by.
        slices.void(run.session, run.lease, Kind.ARCHIVE)
        with run.session.unhurried() as session:
            forget(session, run.lease)
    perform(run, step, ordinal=_OWN)
    for _ in range(_REWRITES):
        try:
            return drive(run, work, _whole(run)).rows
        except Rewritten:
            slices.void(run.session, run.lease, Kind.ARCHIVE)
    raise Failed(
        f"{run.plan.table} was rewritten {_REWRITES} times while its values were archived.",
        state="Nothing was taken back yet; the application goes on as before.",
        remedy="Stop the rewriting, then run `pgtide down` again.",
    )


def _whole(run: Run) -> slices.Slice:
    number = slices.last_round(run.session, run.lease, Kind.ARCHIVE)
    there = slices.read(run.session, run.lease, Kind.ARCHIVE)
    if not there:
        size = read_size(run.session, run.plan.table_oid)
        whole = Cut(ordinal=0, first_block=0, end_block=None, passes=1)
        with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
            slices.cut(
                session, run.lease, Kind.ARCHIVE, [whole], round_=number + 1, filenode=size.filenode
            )
    return slices.read(run.session, run.lease, Kind.ARCHIVE)[-1]


def _undo_apart(run: Run, step: RecordedStep) -> None:
    run.check()
    run.emit(StepBegan(step=_name(step)))
    begun = run.clock.monotonic()
    try:
        with run.session.unhurried() as session, run.cancellable():
            _statements(run, session, step)
    except Failed:
        # Cancelled because this run must stop: then that is the reason to give.
        run.check()
        raise
    steps.undone(run.session, run.lease, step.name)
    run.emit(
        StepEnded(step=_name(step), tries=1, seconds=run.clock.monotonic() - begun, skipped=False)
    )


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


def _undo_last(run: Run) -> None:
    """Drop triggers, columns and functions in one short transaction, the last act first."""

    def close(session: Session) -> None:
        record = run.record
        if record.log_id is not None:
            log.status(
                session,
                record,
                log.ROLLED_BACK,
                log_schema=run.settings.log_schema,
                available=False,
            )

    todo = [step for step in _to_undo(run) if step.transactional]
    _undo_together(run, todo, "undo.shape", also=close)


def _undo_together(
    run: Run, todo: Sequence[RecordedStep], name: str, *, also: After | None = None
) -> None:
    def work(session: Session) -> None:
        fence(session, run.lease)
        for step in todo:
            _statements(run, session, step)
            steps.undone(session, run.lease, step.name)
        if also is not None:
            also(session)
        audit.note(session, run.lease, "taken_back", steps=[step.name for step in todo])

    run.check()
    run.emit(StepBegan(step=name))
    held = patiently(
        run.session,
        run.plan.table_oid,
        work,
        policy=policy(run),
        clock=run.clock,
        on_wait=lambda attempt: waited(run, name, attempt),
    )
    run.emit(StepEnded(step=name, tries=held.attempts, seconds=held.seconds, skipped=False))


def _statements(run: Run, session: Session, step: RecordedStep) -> None:
    for number, sql in enumerate(step.undo):
        run.emit(StatementBegan(step=_name(step), ordinal=number))
        session.execute(sql, doing=f"taking back {step.name}")
        run.emit(StatementEnded(step=_name(step), ordinal=number))


def _name(step: RecordedStep) -> str:
    return f"undo.{step.name}"
