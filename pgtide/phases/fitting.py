"""Rows that do not fit what is built on them: what was half built goes, and a person is told.

Rows that are out of step may be the reason: then the next run sweeps them first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from pgtide.changes.constraint import added_before
from pgtide.errors import Failed, Mismatched, StatementFailed
from pgtide.ledger import audit, log, phases, steps
from pgtide.ledger.record import advance, fence
from pgtide.ledger.run import Run
from pgtide.model.state import Phase, State
from pgtide.model.statement import Step
from pgtide.phases.step import policy, waited
from pgtide.phases.verify import out_of_step
from pgtide.postgres.faults import DataFault
from pgtide.postgres.leaves import read_leaves
from pgtide.postgres.locks import patiently
from pgtide.postgres.referenced import lock_referenced, read_referenced
from pgtide.postgres.session import Session

# Integrity constraint violations: rows are not as what is built wants them.
_VIOLATED: Final = "23"


@contextmanager
def fitting(run: Run, step: Step) -> Iterator[None]:
    """Carry a step of finalize out in this block: where rows do not fit it, raise Failed.

    Or Mismatched, where some are out of step: those are swept first. What is half built is taken
    away before.
    """
    try:
        yield
    except StatementFailed as error:
        if not error.sqlstate.startswith(_VIOLATED):
            raise
        raise _unfit(run, step, error) from error


def _unfit(run: Run, step: Step, error: StatementFailed) -> Failed | Mismatched:
    # Half built, it would go on refusing the application's writes: a unique index that is invalid
    # (trap 10) as well as a constraint that is not validated (trap 15).
    if step.broken and run.session.value(step.broken):
        with run.session.unhurried() as session:
            session.execute(step.clear, doing=f"clearing what {step.name} left half done")
    added = added_before(step, run.plan.finalize)
    if added is not None:
        _take_back(run, added)
    astray = _astray(run)
    if astray:
        return _withdrawn(run, step, astray, error)
    return Failed(
        f"Rows of {run.plan.table} do not fit the {step.statements[0].why}. {error.what}",
        state="The steps before it are kept; what was half built was taken away again.",
        remedy=(
            "Mend these rows, or the migration's `up`, or drop the original; with the rows mended "
            "run `pgtide up` to go on, otherwise `pgtide down` to undo."
        ),
    )


def _astray(run: Run) -> int:
    """Return how many rows are out of step.

    A write that sets both shapes in contradiction leaves one so, and may come after the last sweep.
    """
    if run.plan.backfill is None:
        return 0
    leaves = read_leaves(run.session, run.plan.table_oid)
    try:
        return sum(out_of_step(run, leaf) for leaf in leaves)
    except DataFault:
        # A row cannot even be compared: no sweep would mend it.
        return 0


def _withdrawn(run: Run, step: Step, astray: int, error: StatementFailed) -> Mismatched:
    """Move the migration back to where its rows are swept, and say so."""
    rows = "1 row is" if astray == 1 else f"{astray:,} rows are"
    what = (
        f"{rows} out of step, and rows of {run.plan.table} do not fit the "
        f"{step.statements[0].why}. {error.what}"
    )
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        advance(session, run.lease, State.FINALIZING, State.BACKFILLED, error=what, sweep_due=True)
        phases.end(session, run.lease, Phase.FINALIZE, "failed")
        audit.note(session, run.lease, "phase_failed", phase=Phase.FINALIZE, why=what)
        log.status(session, run.record, log.FAILED, log_schema=run.settings.log_schema, error=what)
    return Mismatched(
        what,
        state="What was half built was taken away again; the migration is back at `backfilled`.",
        remedy=f"Run `pgtide up {run.plan.version}` to sweep these rows and go on.",
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
