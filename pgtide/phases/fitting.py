"""Rows that do not fit what is built on them: what was half built goes, and a person is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from pgtide.changes.constraint import added_before
from pgtide.errors import Failed, StatementFailed
from pgtide.ledger import steps
from pgtide.ledger.record import fence
from pgtide.ledger.run import Run
from pgtide.model.statement import Step
from pgtide.phases.step import policy, waited
from pgtide.postgres.locks import patiently
from pgtide.postgres.referenced import lock_referenced, read_referenced
from pgtide.postgres.session import Session

# Integrity constraint violations: rows are not as what is built wants them.
_VIOLATED: Final = "23"


@contextmanager
def fitting(run: Run, step: Step) -> Iterator[None]:
    """Carry a step of finalize out in this block: where rows do not fit it, raise Failed.

    What is half built is taken away before.
    """
    try:
        yield
    except StatementFailed as error:
        if not error.sqlstate.startswith(_VIOLATED):
            raise
        raise _unfit(run, step, error) from error


def _unfit(run: Run, step: Step, error: StatementFailed) -> Failed:
    # Half built, it would go on refusing the application's writes: a unique index that is invalid
    # (trap 10) as well as a constraint that is not validated (trap 15).
    if step.broken and run.session.value(step.broken):
        with run.session.unhurried() as session:
            session.execute(step.clear, doing=f"clearing what {step.name} left half done")
    added = added_before(step, run.plan.finalize)
    if added is not None:
        _take_back(run, added)
    return Failed(
        f"Rows of {run.plan.table} do not fit the {step.statements[0].why}. {error.what}",
        state="The steps before it are kept; what was half built was taken away again.",
        remedy=(
            "Mend these rows, or the migration's `up`, or drop the original; with the rows mended "
            "run `pgtide up` to go on, otherwise `pgtide down` to undo."
        ),
    )


def _take_back(run: Run, step: Step) -> None:
    plan = run.plan
    beside = read_referenced(run.session, plan.table_oid, step.undo)

    def work(session: Session) -> None:
        fence(session, run.lease)
        lock_referenced(session, plan.table, beside)
        for sql in step.undo:
            session.execute(sql, doing=f"taking back {step.name}")
        steps.undone(session, run.lease, step.name)

    patiently(
        run.session,
        plan.table_oid,
        work,
        policy=policy(run),
        clock=run.clock,
        on_wait=partial(waited, run, step.name),
        beside=beside,
    )
