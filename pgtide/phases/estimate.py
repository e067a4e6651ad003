"""Estimate: rows, time and bytes of a migration, before it begins; refused where it has no room."""

from typing import Final

from pgtide.backfill.estimate import Measured, Terms, reckon
from pgtide.backfill.hands import hands
from pgtide.backfill.largest_key import largest_key
from pgtide.backfill.rate import rate_of
from pgtide.clock import Clock
from pgtide.errors import Refused, StatementFailed
from pgtide.ledger.rate import LiveRate
from pgtide.ledger.run import Caller
from pgtide.model.estimate import Estimate, excesses
from pgtide.model.plan import Plan
from pgtide.phases.target import target_table
from pgtide.phases.user_triggers import firing
from pgtide.postgres.activity import Capacity, capacity
from pgtide.postgres.room import read_room
from pgtide.postgres.sample import read_server_facts, read_table_facts, take_sample
from pgtide.postgres.session import Session
from pgtide.settings import Settings

# A table that fits so often into the free disk needs no sample to show that it has room.
_PLENTY: Final = 100


def estimate(
    session: Session,
    settings: Settings,
    plan: Plan,
    *,
    clock: Clock,
    week_seconds: float | None = None,
) -> Estimate | None:
    """Return what a migration that has not begun will take; None where it fills and builds nothing.

    Raises StatementFailed where the server would not have a sample taken.
    """
    if plan.backfill is None and not plan.expected.indexes:
        return None
    table = target_table(session, plan.table)
    facts = read_table_facts(session, table.oid)
    sample = take_sample(session, plan, table, facts, seconds=clock.monotonic)
    # Whoever is at work now may be gone by then.
    quiet = Capacity(cores=capacity(session).cores)
    terms = Terms(
        backup_first=settings.backup_first,
        tried_here=settings.scratch_url is None,
        compressed=settings.backups_compression > 0,
        workers=hands(plan.filling, settings.workers, quiet).number,
        duty=rate_of(settings, plan.filling, LiveRate()).duty,
        by_key=largest_key(session, plan) is not None,
        triggers=tuple(firing(plan, table)),
        week_seconds=week_seconds,
    )
    measured = Measured(sample=sample, table=facts, server=read_server_facts(session))
    room = read_room(session, settings, tablespace=facts.tablespace)
    return reckon(measured, terms, room)


def refuse_excess(
    session: Session,
    settings: Settings,
    caller: Caller,
    plan: Plan,
    *,
    week_seconds: float | None = None,
) -> tuple[str, ...]:
    """Raise Refused where a migration may need more disk than is free, or more than a week.

    Returns what the caller accepts all the same. Where neither is known, or the server would not
    have a sample taken, nothing is refused.
    """
    if week_seconds is None and not _scarce(session, settings, plan):
        return ()
    try:
        found = estimate(session, settings, plan, clock=caller.clock, week_seconds=week_seconds)
    except StatementFailed:
        return ()
    over = excesses(found) if found else ()
    if over and not caller.accepts_excess:
        raise Refused(
            f"{plan.migration_id} may not fit: {'; '.join(over)}.",
            state="Nothing was changed.",
            remedy=(
                "See `pgtide plan` for the estimate and what it is based on; make room, or run "
                f"`pgtide up {plan.version} --yes` to go on all the same."
            ),
        )
    return over


def _scarce(session: Session, settings: Settings, plan: Plan) -> bool:
    facts = read_table_facts(session, plan.table_oid)
    free = read_room(session, settings, tablespace=facts.tablespace).free_bytes
    return free is not None and facts.total_bytes * _PLENTY > free
