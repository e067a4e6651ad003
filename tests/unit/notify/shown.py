"""A run as the tests of its texts have it: the same in all of them."""

from datetime import UTC, datetime, timedelta

from pgtide.notify.notice import Subject
from pgtide.notify.outlook import Eta, Outlook, PhaseOutlook
from pgtide.notify.story import Story

BEGAN = datetime(2026, 3, 8, 2, 10, 0, tzinfo=UTC)
SUBJECT = Subject(
    id="20251231_120000_email_verification_v2",
    version="2.1.0",
    description="Email verification v2",
    table="public.users",
    target="app on db1.example.net:5432",
    environment="production",
    actor="ann",
    host="worker-3",
    link="https://prefect.example.net/runs/flow-run/9f0c",
)
STORY = Story(subject=SUBJECT, began_at=BEGAN, held_after=timedelta(minutes=5), run_id=7)


def at(minutes: float) -> datetime:
    """Return a moment of the run, in minutes from its beginning."""
    return BEGAN + timedelta(minutes=minutes)


def outlook(state: str, *, running: str | None = None, done: tuple[str, ...] = ()) -> Outlook:
    """Return what the ledger says of the run in a state."""
    phases = ("backup", "expand", "backfill", "finalize", "verify", "contract", "purge")
    states = {phase: "done" if phase in done else "pending" for phase in phases}
    if running:
        states[running] = "running"
    return Outlook(
        version="2.1.0",
        description="Email verification v2",
        table="public.users",
        target="app on db1.example.net:5432",
        state=state,
        phases=tuple(PhaseOutlook(phase=phase, state=one) for phase, one in states.items()),
        percent=43.2,
        rows_done=5_184_000,
        rows_total=12_000_000,
        rows_per_second=18_234.0,
        eta=Eta(low=at(55), high=at(80)),
        next="`pgtide up 2.1.0` goes on with verify.",
    )
