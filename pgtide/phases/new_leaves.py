"""Partitions that came since verification: compared before contract asks for its lock.

A table that gets a partition a day would else be verified anew each time.
"""

from pgtide.ledger.fingerprint import leaves_in, same_but_for_leaves
from pgtide.ledger.record import fence, set_fingerprint
from pgtide.ledger.run import Run
from pgtide.ledger.verifications import carry_over
from pgtide.phases.fingerprint import take
from pgtide.phases.verify import out_of_step
from pgtide.postgres.leaves import read_leaves


def admit_leaves(run: Run) -> None:
    """Take partitions that came or went into the proof, where every row of the new is in step.

    Where one is not, or anything else was changed, the proof is left as it is, and does not hold.
    """
    known, now = run.record.fingerprint or "{}", take(run, run.session)
    if not run.plan.partitioned or known == now or not same_but_for_leaves(known, now):
        return
    # Their triggers fire by now: what is in step at any moment from here on stays so.
    came = leaves_in(now) - leaves_in(known)
    leaves = [leaf for leaf in read_leaves(run.session, run.plan.table_oid) if leaf.oid in came]
    if run.plan.comparisons and any(out_of_step(run, leaf) for leaf in leaves):
        return
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        fence(session, run.lease)
        set_fingerprint(session, run.lease, now)
        carry_over(session, run.lease, fingerprint=now)
