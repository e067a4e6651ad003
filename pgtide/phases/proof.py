"""What becomes of a migration whose last verification proves its rows no more."""

from pgtide.errors import Refused
from pgtide.ledger import audit
from pgtide.ledger.proof import flaw
from pgtide.ledger.run import Run
from pgtide.model.state import RUNNING, Phase
from pgtide.phases.owed_sweep import owe_sweep
from pgtide.postgres.session import Session


class Unproved(Refused):
    """Refuse because the rows were not verified as the table is now."""


def refuse_unproved(run: Run, session: Session) -> None:
    """Raise Unproved where the last verification proves nothing any more."""
    found = flaw(session, run.record)
    if found:
        raise Unproved(
            f"{run.plan.migration_id} cannot be contracted: {found}.",
            state="No name was changed; the migration is back at `backfilled`.",
            remedy=f"Run `pgtide up {run.plan.version}` to sweep and verify, then contract again.",
        )


def withdraw(run: Run, why: str) -> None:
    """Move a migration back to where its rows are swept and verified again."""
    session, record = run.session, run.record
    with session.transaction(settings={"synchronous_commit": "on"}):
        # A paused or failed one has left the phase, and stands in it all the same.
        left = Phase.CONTRACT if record.standing is RUNNING[Phase.CONTRACT] else None
        owe_sweep(session, run, record.state, why, left=left)
        audit.note(session, run.lease, "verification_withdrawn", why=why)
