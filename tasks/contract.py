"""Contract, as a task."""

from pgtide.ledger.run import Run
from pgtide.phases.contract import Contracting
from pgtide.phases.contract import contract as carry_out
from tasks.door import door


@door("contract", called="contract {run.plan.table.name}")
def contract(run: Run, asked: Contracting) -> None:
    """Carry out the phase."""
    carry_out(run, asked)
