"""What the ledger says of a migration at one moment, as far as it is told elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Eta:
    """Between which two moments the backfill will end."""

    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOutlook:
    """A phase of this attempt: pending, running, done, failed or paused."""

    phase: str
    state: str
    seconds: float | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """What earlier runs could not tell: how many notices, where, and the first line of the last."""

    notices: int
    places: tuple[str, ...]
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Where a migration stands. Nothing of a row is in it, nor a statement of anybody else's."""

    version: str
    description: str
    table: str
    target: str
    state: str
    phases: tuple[PhaseOutlook, ...] = ()
    percent: float | None = None
    rows_done: int = 0
    rows_total: int | None = None
    rows_per_second: float | None = None
    eta: Eta | None = None
    quarantined: int = 0
    # Level, rows compared, rows out of step.
    verified: tuple[str, int, int] | None = None
    # Signal and seconds: what has held the backfill back in all.
    throttled: tuple[tuple[str, float], ...] = ()
    # The gate that it stands at, and what a person would confirm there.
    gate: str | None = None
    asks: str = ""
    untold: Untold | None = None
    # What comes next, and which command brings it about.
    next: str = ""


class Look(Protocol):
    """Who looks at the ledger, in one thread."""

    def __call__(self) -> Outlook | None:
        """Return what it says now; None where it cannot be asked, or knows nothing yet."""
        ...

    def close(self) -> None:
        """Look no more."""
        ...
