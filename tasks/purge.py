"""Purge, as a task."""

from pgtide.ledger.run import Run
from pgtide.phases.purge import Purging
from pgtide.phases.purge import purge as carry_out
from tasks.door import door


@door("purge", called="purge {run.plan.table.name}")
def purge(run: Run, asked: Purging) -> None:
    """Carry out the phase."""
    carry_out(run, asked)
