"""Finalize: what must read the whole table, built while everyone goes on writing.

It comes after the backfill: an index on a written column ends HOT updates (trap 47).
"""

from functools import partial
from typing import Final

from pgtide.changes.constraint import added_before
from pgtide.errors import Failed, StatementFailed
from pgtide.ledger import steps
from pgtide.ledger.fingerprint import same_but_for_columns
from pgtide.ledger.record import fence, set_fingerprint
from pgtide.ledger.run import Run
from pgtide.model.performance import Moment
from pgtide.model.state import Phase
from pgtide.model.statement import Step
from pgtide.phases.conduct import conducted
from pgtide.phases.fingerprint import take
from pgtide.phases.free_step import perform_free
from pgtide.phases.part_indexes import build_parts
from pgtide.phases.performance import measure
from pgtide.phases.step import perform, policy, present, waited
from pgtide.phases.window import await_step
from pgtide.postgres.locks import patiently
from pgtide.postgres.referenced import lock_referenced, read_referenced
from pgtide.postgres.session import Session

# Integrity constraint violations: rows are not as what is built wants them.
_VIOLATED: Final = "23"


def finalize(run: Run) -> None:
    """Build indexes and constraints on the new columns, refresh the statistics, and measure."""
    with conducted(run, Phase.FINALIZE):
        for step in run.plan.finalize:
            if not (step.present and present(run, step)):
                await_step(run, step)
            if step.declared:
                perform_free(run, step, ordinal=run.plan.steps.index(step))
            else:
                _build(run, step)
                if step.each:
                    build_parts(run, step, step.each)
        measure(run, Moment.AFTER_FINALIZE)


def _build(run: Run, step: Step) -> None:
    # Whoever went past the triggers before must still be found by verification.
    known = run.record.fingerprint == take(run, run.session)
    also = partial(_seal, run) if step.transactional and known else None
    try:
        perform(run, step, ordinal=run.plan.steps.index(step), also=also)
    except StatementFailed as error:
        if not error.sqlstate.startswith(_VIOLATED):
            raise
        raise _unfit(run, step, error) from error


def _seal(run: Run, session: Session) -> None:
    # NOT NULL is written into the column's own row of the catalog.
    now = take(run, session)
    if same_but_for_columns(run.record.fingerprint or "{}", now):
        set_fingerprint(session, run.lease, now)


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
