"""Execute what the ledger recorded to undo steps, with the ledger's own rows."""

from collections.abc import Sequence

from pgtide.errors import Failed
from pgtide.events import StatementBegan, StatementEnded, StepBegan, StepEnded
from pgtide.ledger import audit, steps
from pgtide.ledger.record import fence
from pgtide.ledger.run import Run
from pgtide.ledger.steps import RecordedStep
from pgtide.phases.step import After, Guard, execute, lock_ahead, locking, policy, waited
from pgtide.postgres.catalog import read_name
from pgtide.postgres.locks import patiently
from pgtide.postgres.referenced import lock_referenced, read_referenced
from pgtide.postgres.session import Session


def undo_apart(run: Run, step: RecordedStep) -> None:
    """Undo one step outside of a transaction, as CONCURRENTLY must."""
    run.check()
    run.emit(StepBegan(step=undo_name(step)))
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
        StepEnded(
            step=undo_name(step), tries=1, seconds=run.clock.monotonic() - begun, skipped=False
        )
    )


def undo_together(
    run: Run,
    name: str,
    todo: Sequence[RecordedStep],
    *,
    also: After | None = None,
    guard: Guard | None = None,
) -> None:
    """Undo steps in one short transaction; `also` joins it at its end.

    `guard` looks once the locks that the statements begin with are held.
    """
    plan = run.plan
    texts = [sql for step in todo for sql in step.undo]
    beside = read_referenced(run.session, plan.table_oid, texts)

    def work(session: Session) -> None:
        fence(session, run.lease)
        lock_referenced(session, plan.table, beside)
        if read_name(session, plan.table_oid) is not None:
            lock_ahead(run, session, texts)
        for step in todo:
            _statements(run, session, step, guard=guard)
            steps.undone(session, run.lease, step.name)
        if also is not None:
            also(session)
        audit.note(session, run.lease, "taken_back", steps=[step.name for step in todo])

    run.check()
    run.emit(StepBegan(step=name))
    held = patiently(
        run.session,
        plan.table_oid,
        work,
        policy=policy(run),
        clock=run.clock,
        on_wait=lambda attempt: waited(run, name, attempt),
        beside=beside,
    )
    run.emit(StepEnded(step=name, tries=held.attempts, seconds=held.seconds, skipped=False))


def _statements(
    run: Run, session: Session, step: RecordedStep, *, guard: Guard | None = None
) -> None:
    guarded = locking(step.undo)
    for number, sql in enumerate(step.undo):
        if guard is not None and number == guarded:
            guard(session)
        run.emit(StatementBegan(step=undo_name(step), ordinal=number))
        execute(run, session, sql, doing=f"taking back {step.name}")
        run.emit(StatementEnded(step=undo_name(step), ordinal=number))
    if guard is not None and guarded == len(step.undo):
        guard(session)


def undo_name(step: RecordedStep) -> str:
    """Return what the undo of a step is called, by listeners and in the audit."""
    return f"undo.{step.name}"
