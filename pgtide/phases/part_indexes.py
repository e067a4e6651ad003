"""Build an index's parts on each partition, and attach them, until the index is whole.

Killed at any point, the next run finds what is missing in the catalog. Each partition that comes
once the table's index is there brings its part along.
"""

from typing import Final

from pgtide.changes.part_index import part_steps
from pgtide.errors import Failed
from pgtide.ledger.run import Run
from pgtide.model.build import Build
from pgtide.model.statement import Step
from pgtide.model.table import TableName
from pgtide.phases.fitting import fitting
from pgtide.phases.step import perform
from pgtide.phases.window import await_step
from pgtide.postgres.leaves import leaf_name
from pgtide.postgres.unindexed import Unindexed, is_whole, read_unindexed

_ROUNDS: Final = 20


def build_parts(run: Run, step: Step, each: Build) -> None:
    """Bring a partitioned index from its bare frame to a whole one."""
    index = TableName(schema=run.plan.table.schema, name=each.name)
    ordinal = run.plan.steps.index(step)
    for _ in range(_ROUNDS):
        for part in read_unindexed(run.session, index):
            _one(run, part, each, ordinal=ordinal)
        if not read_unindexed(run.session, index):
            break
    if not is_whole(run.session, index):
        raise Failed(
            f"The index {index} is not whole: partitions came and went faster than their parts "
            "were built, or a part of it is invalid.",
            state="What was built is kept.",
            remedy="Run `pgtide up` to go on, or `pgtide down` to undo.",
        )


def _one(run: Run, part: Unindexed, each: Build, *, ordinal: int) -> None:
    try:
        for step in part_steps(part, each):
            if not step.transactional:
                await_step(run, step)
            with fitting(run, step):
                perform(run, step, ordinal=ordinal)
    except Failed:
        # Detached, dropped or renamed meanwhile: what is there now is looked up again.
        if leaf_name(run.session, run.plan.table_oid, part.oid) == part.name:
            raise
