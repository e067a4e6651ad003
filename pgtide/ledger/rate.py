"""What an operator set the rate of a migration to, while it runs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pgtide.ledger.schema import installed
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRate:
    """A share of the time to be at work, and milliseconds a batch; None is as declared."""

    duty: float | None = None
    batch_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRate:
    """A live rate, with who set it and when."""

    rate: LiveRate
    by: str
    at: datetime


def keep(session: Session, migration_id: str, rate: LiveRate, *, by: str) -> None:
    """Set the rate; a run at work hears of it with its next heartbeat."""
    session.execute(
        _SQL["set_rate"],
        {"id": migration_id, "duty": rate.duty, "batch_ms": rate.batch_ms, "by": by},
        doing="setting the rate",
    )


def read(session: Session, migration_id: str) -> SetRate | None:
    """Return the rate that an operator has set; None where it is as declared."""
    row = session.row(_SQL["rate"], {"id": migration_id}) if installed(session) else None
    if row is None or (row["duty"] is None and row["batch_ms"] is None):
        return None
    rate = LiveRate(duty=row["duty"], batch_ms=row["batch_ms"])
    return SetRate(rate=rate, by=row["by"], at=row["at"])
