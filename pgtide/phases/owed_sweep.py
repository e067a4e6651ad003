"""A migration goes back to where its rows are swept before anything else."""

from pgtide.ledger import log, phases
from pgtide.ledger.record import advance
from pgtide.ledger.run import Run
from pgtide.model.state import Phase, State
from pgtide.postgres.session import Session


def owe_sweep(
    session: Session,
    run: Run,
    seen: State,
    why: str,
    *,
    left: Phase | None,
    rows: int | None = None,
    error: str | None = None,
) -> None:
    """Note it, inside a transaction: the state, the phase that is left, the strategy's log.

    `error` is what `status` shows, where that is more than `why`. Raises Fenced where a newer run
    has moved the migration.
    """
    record = run.record
    advance(session, run.lease, seen, State.BACKFILLED, error=error or why, sweep_due=True)
    if left is not None:
        phases.end(session, run.lease, left, "failed", rows=rows)
    log.status(session, record, log.FAILED, log_schema=run.settings.log_schema, error=why)
