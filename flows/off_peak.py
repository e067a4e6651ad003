"""When the scheduler starts a run: as a migration's window opens.

A cron line says it, by the clock of the window's zone. Where the opening falls into an hour that a
change of the clock skips or repeats, cron and window do not agree; those few days of the years
after the migration was written are listed one by one, in UTC, as a second schedule.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pgtide.model.window import Window

# As long as a migration may reasonably wait to be done.
_YEARS: Final = timedelta(days=10 * 366)
_CRON_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ID_TIME: Final = "%Y%m%d_%H%M%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When runs begin: a cron line or a list of moments, by the clock of a zone."""

    slug: str
    zone: str
    cron: str | None = None
    rrule: str | None = None
    # What its runs are given instead of the deployment's own values.
    parameters: Mapping[str, object] = field(default_factory=dict)


def schedules(window: Window, migration_id: str) -> tuple[Schedule, ...]:
    """Return the schedules that start a run whenever a window opens."""
    written = datetime.strptime(migration_id[:15], _ID_TIME).replace(tzinfo=UTC)
    days = list(_uneven(window, written))
    opening = Schedule(slug="opening", zone=window.zone, cron=_cron(window))
    if not days:
        return (opening,)
    listed = "RDATE:" + ",".join(f"{one:%Y%m%dT%H%M%SZ}" for one in days)
    return (opening, Schedule(slug="change-of-the-clock", zone="UTC", rrule=listed))


def _cron(window: Window) -> str:
    hours, minutes = window.begins
    days = ",".join(_CRON_DAYS[day] for day in sorted(window.weekdays))
    return f"{minutes} {hours} * * {'*' if len(window.weekdays) == len(_CRON_DAYS) else days}"


def _uneven(window: Window, since: datetime) -> Iterator[datetime]:
    """Yield the openings that the clock of the zone shows not at all, or for the second time."""
    place, (hours, minutes) = ZoneInfo(window.zone), window.begins
    for one in window.openings(since):
        if one.opens > since + _YEARS:
            return
        shown = one.opens.astimezone(place)
        if shown.fold or (shown.hour, shown.minute) != (hours, minutes):
            yield one.opens
