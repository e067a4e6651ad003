"""Finalize: what must read the whole table, built while everyone goes on writing.

It comes after the backfill: an index on a written column ends HOT updates (trap 47).
"""

from pgtide.ledger.run import Run
from pgtide.model.performance import Moment
from pgtide.model.state import Phase
from pgtide.phases.conduct import conducted
from pgtide.phases.free_step import is_free, perform_free
from pgtide.phases.performance import measure
from pgtide.phases.step import perform


def finalize(run: Run) -> None:
    """Build the indexes, refresh the statistics, and measure the declared queries."""
    with conducted(run, Phase.FINALIZE):
        for step in run.plan.finalize:
            act = perform_free if is_free(step) else perform
            act(run, step, ordinal=run.plan.steps.index(step))
        measure(run, Moment.AFTER_FINALIZE)
