"""How far a backfill has come and when it will end: a function of what the ledger says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pgtide.model.state import UNDOING, UNTOUCHED, State
from pgtide.model.window import Window

# Until the sweep has found nothing left, nobody knows that all is done.
_UNSWEPT: Final = 99.0
_WHOLE: Final = 100.0
_BEFORE: Final = UNTOUCHED | {
    State.BACKING_UP,
    State.BACKED_UP,
    State.EXPANDING,
    State.EXPANDED,
}
# Too little to tell a rate by.
_FIRST_ESTIMATE: Final = 1.0
# The first pass over a slice moves rows and is the dearest, so the rest is often faster.
_EARLY: Final = 0.8
# The application's load may grow meanwhile.
_LATE: Final = 1.5
# The sweep reads the whole table once more; a tenth of the walk is plenty for that.
_SWEEP: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What was walked of a table: the share of the walk, rows, and seconds in which a run lived."""

    share: float
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Eta:
    """Between which two moments the backfill will end."""

    low: datetime
    high: datetime


def percent(standing: State, walked: Walked, *, sweep_due: bool) -> float | None:
    """Return how much of the backfill is done, 0 to 100; None while it is being undone."""
    if standing in UNDOING:
        return None
    if standing in _BEFORE:
        return 0.0
    if standing is State.BACKFILLING or sweep_due:
        return round(min(_UNSWEPT, walked.share * _WHOLE), 1)
    return _WHOLE


def rows_per_second(walked: Walked) -> float | None:
    """Return the mean rate while a run worked; None before there is one."""
    return round(walked.rows / walked.seconds, 1) if walked.rows and walked.seconds > 0 else None


def eta(walked: Walked, now: datetime, window: Window | None = None) -> Eta | None:
    """Return when the backfill will end, as a range; None before one per cent of the walk.

    Time is counted in the hours of a window, unless work goes on outside it, as where a person said
    `--now`.
    """
    if walked.share * _WHOLE < _FIRST_ESTIMATE or walked.seconds <= 0:
        return None
    whole = walked.seconds / walked.share
    left = whole * max(0.0, 1.0 - walked.share)
    low = timedelta(seconds=left * _EARLY)
    high = timedelta(seconds=left * _LATE + whole * _SWEEP)
    if window is None or not window.is_open(now):
        return Eta(low=now + low, high=now + high)
    return Eta(low=window.worked(now, low), high=window.worked(now, high))
