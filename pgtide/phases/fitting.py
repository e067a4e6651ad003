"""Rows that do not fit what is built on them: what was half built goes, and a person is told.

Rows that contradict themselves may be the reason: then the next run sweeps them first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from pgtide.changes.constraint import added_before
from pgtide.errors import Failed, StatementFailed
from pgtide.ledger import audit, steps
from pgtide.ledger.conflicts import conflicts
from pgtide.ledger.record import fence
from pgtide.ledger.run import Run
from pgtide.model.state import Phase, State
from pgtide.model.statement import Step
from pgtide.phases.fingerprint import take
from pgtide.phases.owed_sweep import owe_sweep
from pgtide.phases.step import policy, waited
from pgtide.phases.verify import out_of_step
from pgtide.postgres.leaves import read_leaves
from pgtide.postgres.locks import patiently
from pgtide.postgres.referenced import lock_referenced, read_referenced
from pgtide.postgres.session import Session

# Integrity constraint violations: rows are not as what is built wants them.
_VIOLATED: Final = "23"


class Contradicted(Failed):
    """Report rows that do not fit and contradict themselves: the next run sweeps them first."""


@contextmanager
def fitting(run: Run, step: Step) -> Iterator[None]:
    """Carry a step of finalize out in this block: where rows do not fit it, raise Failed.

    Or Contradicted, where the next run sweeps them first. What is half built is taken away before.
    """
    try:
        yield
    except StatementFailed as error:
        if not error.sqlstate.startswith(_VIOLATED):
            raise
        found = _unfit(run, step, error)
        found.abroad = error.abroad
        raise found from error


def _unfit(run: Run, step: Step, error: StatementFailed) -> Failed:
    # Half built, it would go on refusing the application's writes: a unique index that is invalid
    # (trap 10) as well as a constraint that is not validated (trap 15).
    if step.broken and run.session.value(step.broken):
        with run.session.unhurried() as session:
            session.execute(step.clear, doing=f"clearing what {step.name} left half done")
    added = added_before(step, run.plan.finalize)
    if added is not None:
        _take_back(run, added)
    if _astray(run):
        return _swept_next(run, step, error)
    return Failed(
        f"Rows of {run.plan.table} do not fit the {step.statements[0].why}. {error.what}",
        state="The steps before it are kept; what was half built was taken away again.",
        remedy=(
            "Mend these rows, or the migration's `up`, or drop the original; with the rows mended "
            "run `pgtide up` to go on, otherwise `pgtide down` to undo."
        ),
    )


def _astray(run: Run) -> bool:
    """Tell whether rows are out of step for which a sweep is all that is needed.

    A write that sets both shapes in contradiction leaves one so, and may come after the last sweep;
    it is counted. Where somebody went past the triggers, verification has to find it before a sweep
    overwrites what there is to see.
    """
    if not conflicts(run.session, run.plan) or run.record.fingerprint != take(run, run.session):
        return False
    leaves = read_leaves(run.session, run.plan.table_oid)
    try:
        return any(out_of_step(run, leaf) for leaf in leaves)
    except StatementFailed:
        # The rows that do not fit are what is to be told.
        return False


def _swept_next(run: Run, step: Step, error: StatementFailed) -> Contradicted:
    """Move the migration back to where its rows are swept, and say so."""
    found = Contradicted(
        f"Rows that contradict themselves do not fit the {step.statements[0].why}. {error.what}",
        state="What was half built was taken away again; the migration is back at `backfilled`.",
        remedy=(
            f"Run `pgtide up {run.plan.version}` to sweep these rows and go on; where it ends so "
            "again, mend the rows that do not fit, or undo with `pgtide down`."
        ),
    )
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        owe_sweep(session, run, State.FINALIZING, found.what, left=Phase.FINALIZE)
        audit.note(session, run.lease, "phase_failed", phase=Phase.FINALIZE, why=found.what)
    return found


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
