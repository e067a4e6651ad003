"""Expand, as a task."""

from pgtide.ledger.run import Run
from pgtide.phases.expand import expand as carry_out
from tasks.door import door


@door("expand", called="expand {run.plan.table.name}")
def expand(run: Run) -> None:
    """Carry out the phase."""
    carry_out(run)
