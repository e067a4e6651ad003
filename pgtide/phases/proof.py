"""Whether the last verification still proves the rows, and what becomes of it where not."""

from pgtide.errors import Refused
from pgtide.ledger import audit, log, phases
from pgtide.ledger.conflicts import conflicts
from pgtide.ledger.record import advance
from pgtide.ledger.run import Run
from pgtide.ledger.verifications import proof
from pgtide.model.state import RUNNING, Phase, State
from pgtide.phases.fingerprint import take
from pgtide.postgres.session import Session


class Unproved(Refused):
    """Refuse because the rows were not verified as the table is now."""


def flaw(run: Run, session: Session) -> str | None:
    """Say why the last verification proves nothing any more; None where it does."""
    record, last = run.record, proof(session, run.plan.migration_id)
    if last is None or not last.passed:
        return "it was not verified"
    if last.checksum != record.checksum:
        return "it was verified under another declaration"
    # The verdict's, the ledger's and the catalog's own: three that must be one.
    if not last.fingerprint == record.fingerprint == take(run, session):
        return (
            "the triggers, functions or columns that keep both shapes in step were changed since "
            "it was verified (or the table was rewritten): writes may have gone past them"
        )
    # The triggers leave such a write alone: its row is out of step, and nothing else says so.
    since = (conflicts(session, run.plan) or 0) - last.conflicts
    if since > 0:
        writes = "write" if since == 1 else "writes"
        return f"{since:,} {writes} since it was verified set both columns to different values"
    return None


def refuse_unproved(run: Run, session: Session) -> None:
    """Raise Unproved where the last verification proves nothing any more."""
    found = flaw(run, session)
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
        advance(session, run.lease, record.state, State.BACKFILLED, error=why, sweep_due=True)
        # A paused or failed one has left the phase, and stands in it all the same.
        if record.standing is RUNNING[Phase.CONTRACT]:
            phases.end(session, run.lease, Phase.CONTRACT, "failed")
        audit.note(session, run.lease, "verification_withdrawn", why=why)
        log.status(session, record, log.FAILED, log_schema=run.settings.log_schema, error=why)
