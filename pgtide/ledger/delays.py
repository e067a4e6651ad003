"""What a later release waits for by the clock: soak before contract, retention before purge."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pgtide.ledger import phases
from pgtide.ledger.record import Record
from pgtide.ledger.verifications import proof
from pgtide.model.state import Phase, State
from pgtide.postgres.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A span that begins at a moment, and the phase that must not begin before its end."""

    name: str
    phase: Phase
    since: datetime
    span: timedelta

    def __str__(self) -> str:
        return (
            f"the end of its {self.name}: {self.phase} not before {self.ends:%Y-%m-%d %H:%M:%S} UTC"
        )

    @property
    def ends(self) -> datetime:
        """Return when it is over."""
        return self.since + self.span


def delay(session: Session, record: Record) -> Delay | None:
    """Return the delay before a migration's next phase, over or not, if there is one.

    A phase that has begun waits no more.
    """
    terms = record.plan.terms
    match record.state:
        case State.VERIFIED:
            last = proof(session, record.id)
            since, span = (last.at if last else None), timedelta(seconds=terms.soak)
            name, phase = "soak", Phase.CONTRACT
        case State.CONTRACTED:
            since = phases.done_at(session, record.id, Phase.CONTRACT)
            name, phase, span = "retention", Phase.PURGE, timedelta(seconds=terms.retain)
        case _:
            return None
    return Delay(name=name, phase=phase, since=since, span=span) if since else None


def running(session: Session, one: Delay | None) -> bool:
    """Tell whether a delay is not over yet, by the database's clock."""
    return one is not None and phases.now(session) < one.ends
