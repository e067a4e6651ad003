"""The backup before expand, as a task."""

from pgtide.ledger.run import Run
from pgtide.phases.first_backup import first_backup as carry_out
from tasks.door import door


@door("backup", called="backup {run.plan.table.name}")
def backup(run: Run) -> None:
    """Carry out the phase."""
    carry_out(run)
