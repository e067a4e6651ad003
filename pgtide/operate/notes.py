"""What is good to know of a plan, beside what its changes say: the window, and the batches."""

from collections.abc import Iterator

from pgtide.backfill.rate import rate_of, short_pass
from pgtide.ledger import phases
from pgtide.ledger.hours import shown
from pgtide.ledger.rate import LiveRate
from pgtide.model.plan import Plan
from pgtide.operate.plan import BackfillPlan
from pgtide.postgres.catalog import row_estimate
from pgtide.postgres.session import Session
from pgtide.settings import Settings


def notes(
    session: Session, settings: Settings, plan: Plan, backfill: BackfillPlan | None
) -> Iterator[str]:
    """Yield sentences on when a migration is at work, and on what its batches cannot keep."""
    window = plan.terms.window
    if window is not None:
        now = phases.now(session)
        closes = window.closes(now)
        when = (
            f"it is open now, until {shown(closes, window)}"
            if closes
            else f"it opens at {shown(window.next_opening(now), window)}"
        )
        yield (
            f"It is at work only inside its window, {window}: {when}. Whatever cannot end inside "
            "does not begin; undo is always possible."
        )
    short = _short_pass(session, settings, plan, backfill) if backfill else None
    if short:
        yield short


def _short_pass(
    session: Session, settings: Settings, plan: Plan, backfill: BackfillPlan
) -> str | None:
    rows = row_estimate(session, plan.table_oid)
    if not rows or not backfill.blocks:
        return None
    share = min(backfill.slice_blocks or 0, backfill.blocks) / backfill.blocks
    in_slice = rows * share if backfill.slice_keys is None else min(backfill.slice_keys, rows)
    target = rate_of(settings, plan.filling, LiveRate()).target
    return short_pass(in_slice, passes=backfill.passes, target=target, filling=plan.filling)
