"""The rate of a running backfill: set with its line in the audit, heard with the next heartbeat."""

from dataclasses import dataclass
from datetime import datetime

from pgtide.backfill.rate import rate_of
from pgtide.errors import Refused
from pgtide.ledger import rate
from pgtide.ledger.audit import note_by
from pgtide.ledger.rate import LiveRate
from pgtide.ledger.record import Record
from pgtide.model.rate import problems
from pgtide.model.state import UNTOUCHED, State
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_OVER = UNTOUCHED | {State.COMPLETED}


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStatus:
    """The rate that an operator has set: share of the time at work, milliseconds a batch."""

    duty: float
    batch_ms: float
    by: str
    at: datetime


def throttle(
    session: Session, record: Record, wanted: LiveRate, *, settings: Settings
) -> RateStatus | None:
    """Change what is wanted of the rate; what is None stays as it was set before."""
    wrong = "; ".join(problems(wanted.duty, wanted.batch_ms))
    if wrong:
        raise Refused(f"{wrong}.", state="Nothing was changed.", remedy="Say another rate.")
    _refuse_over(record)
    known = rate.read(session, record.id)
    before = known.rate if known else LiveRate()
    now = LiveRate(duty=wanted.duty or before.duty, batch_ms=wanted.batch_ms or before.batch_ms)
    _keep(session, record, now, by=settings.actor)
    return rate_status(session, record, settings)


def reset(session: Session, record: Record, *, settings: Settings) -> None:
    """Give the rate back to the settings and the migration."""
    _refuse_over(record)
    if rate.read(session, record.id) is not None:
        _keep(session, record, LiveRate(), by=settings.actor)


def rate_status(session: Session, record: Record, settings: Settings) -> RateStatus | None:
    """Return the rate that an operator has set; None where it is as declared."""
    known = rate.read(session, record.id)
    if known is None:
        return None
    holds = rate_of(settings, record.plan.filling, known.rate)
    return RateStatus(
        duty=holds.duty, batch_ms=round(holds.target * 1000, 3), by=known.by, at=known.at
    )


def _keep(session: Session, record: Record, now: LiveRate, *, by: str) -> None:
    with session.transaction(settings={"synchronous_commit": "on"}):
        rate.keep(session, record.id, now, by=by)
        note_by(session, record.id, by, "rate_set", duty=now.duty, batch_ms=now.batch_ms)


def _refuse_over(record: Record) -> None:
    if record.state in _OVER:
        raise Refused(
            f"{record.id} is {record.state.replace('_', ' ')}: it has no backfill to slow down.",
            state="Nothing was changed.",
            remedy=f"`pgtide status {record.version}` shows what comes next.",
        )
