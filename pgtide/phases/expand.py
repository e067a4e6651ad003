"""Expand: new columns, functions and both sync triggers, in one short transaction.

From its commit on no write can leave the two shapes apart, whichever release it comes from.
"""

from functools import partial

from pgtide.ledger import log, steps
from pgtide.ledger.record import fence, set_fingerprint
from pgtide.ledger.run import Run
from pgtide.model.performance import Moment
from pgtide.model.state import Phase
from pgtide.phases.conduct import conducted
from pgtide.phases.fingerprint import take
from pgtide.phases.free_step import perform_free
from pgtide.phases.performance import measure
from pgtide.phases.step import perform
from pgtide.postgres.session import Session


def expand(run: Run) -> None:
    """Bring the additive half of the migration about."""
    with conducted(run, Phase.EXPAND):
        measure(run, Moment.BEFORE_EXPAND)
        if all(step.declared for step in run.plan.expand):
            # Nothing keeps shapes in step; the table itself is to stay the one that is verified.
            with run.session.transaction() as session:
                fence(session, run.lease)
                _seal(run, session)
        for step in run.plan.expand:
            ordinal = run.plan.steps.index(step)
            if step.declared:
                perform_free(run, step, ordinal=ordinal)
            else:
                perform(run, step, ordinal=ordinal, also=partial(_seal, run))


def _seal(run: Run, session: Session) -> None:
    # In the transaction that makes the triggers: nobody can have changed them before they are
    # known.
    set_fingerprint(session, run.lease, take(run, session))
    record = run.record
    available = not steps.irreversible(session, record.id)
    log.status(
        session, record, log.RUNNING, log_schema=run.settings.log_schema, available=available
    )
