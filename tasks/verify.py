"""Verify, as a task."""

from pgtide.ledger.run import Run
from pgtide.model.verification import Verification
from pgtide.phases.verify import verify as carry_out
from tasks.door import door


@door("verify", called="verify {run.plan.table.name}")
def verify(run: Run) -> Verification:
    """Carry out the phase."""
    return carry_out(run)
