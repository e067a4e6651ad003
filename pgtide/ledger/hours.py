"""Whether a migration may be at work: a function of its window and of the database's clock.

Clocks of machines that work differ, and deciding by them would open a window twice (trap 73).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from pgtide.errors import WindowClosed
from pgtide.ledger.run import Run
from pgtide.model.window import Window

_KEPT: Final = "What was committed is kept; the application goes on as before."
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
# A year of them: change days and all.
_OPENINGS: Final = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is to be begun, how long it will take, and the command that begins it."""

    what: str
    seconds: float = 0.0
    command: str = "pgtide up"
    state: str = _KEPT


def await_hours(run: Run, errand: Errand) -> None:
    """Raise WindowClosed where a run's window leaves no time for an errand, unless it may hurry."""
    window = run.plan.terms.window
    if window is not None and not run.caller.hurry:
        refuse_closed(run.plan.migration_id, window, run.heart.now(), errand)


def refuse_closed(migration_id: str, window: Window, now: datetime, errand: Errand) -> None:
    """Raise WindowClosed where an errand may not begin, or would not end before the window closes.

    The next opening is named.
    """
    closes = window.closes(now)
    if closes is not None and (closes - now).total_seconds() > errand.seconds:
        return
    why = (
        f"is outside its window, {window}"
        if closes is None
        else f"has no time left for {errand.what}, which takes {_span(errand.seconds)}: its "
        f"window, {window}, closes at {shown(closes, window)}"
    )
    raise WindowClosed(
        f"{migration_id} {why}; it opens at {shown(window.next_opening(now), window)}.",
        state=errand.state,
        remedy=" ".join(_remedy(window, now, errand)),
    )


def shown(at: datetime, window: Window) -> str:
    """Say a moment by the window's own clock, and in UTC."""
    return f"{at.astimezone(ZoneInfo(window.zone)):%Y-%m-%d %H:%M} ({at.astimezone(UTC):%H:%M} UTC)"


def _remedy(window: Window, now: datetime, errand: Errand) -> Iterator[str]:
    longest = max(
        (one.closes - one.opens).total_seconds() for one in islice(window.openings(now), _OPENINGS)
    )
    if longest > errand.seconds:
        yield f"Run `{errand.command}` then and it goes on."
    else:
        yield f"No opening is longer than {_span(longest)}."
    yield f"If it cannot wait: `{errand.command} --now --reason TEXT`."


def _span(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"
