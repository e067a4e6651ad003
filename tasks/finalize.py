"""Finalize, as a task."""

from pgtide.ledger.run import Run
from pgtide.phases.finalize import finalize as carry_out
from tasks.door import door


@door("finalize", called="finalize {run.plan.table.name}")
def finalize(run: Run) -> None:
    """Carry out the phase."""
    carry_out(run)
