"""Finalize: what must read the whole table, built while everyone goes on writing.

It comes after the backfill: an index on a written column ends HOT updates (trap 47).
"""

from functools import partial

from pgtide.ledger.fingerprint import same_but_for_columns
from pgtide.ledger.record import set_fingerprint
from pgtide.ledger.run import Run
from pgtide.model.performance import Moment
from pgtide.model.state import Phase
from pgtide.model.statement import Step
from pgtide.phases.conduct import conducted
from pgtide.phases.fingerprint import take
from pgtide.phases.fitting import fitting
from pgtide.phases.free_step import perform_free
from pgtide.phases.part_indexes import build_parts
from pgtide.phases.performance import measure
from pgtide.phases.step import perform, present
from pgtide.phases.window import await_step
from pgtide.postgres.session import Session


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
    with fitting(run, step):
        perform(run, step, ordinal=run.plan.steps.index(step), also=also)


def _seal(run: Run, session: Session) -> None:
    # NOT NULL is written into the column's own row of the catalog.
    now = take(run, session)
    if same_but_for_columns(run.record.fingerprint or "{}", now):
        set_fingerprint(session, run.lease, now)
