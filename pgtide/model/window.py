"""When a migration may be at work: hours of the day, by the wall clock of a place, on some days.

The wall clock jumps twice a year in many zones. At work is only ever a moment at which the clock
shows one of the hours: an hour that comes twice opens the second time and closes the first, and one
that does not come opens, or closes, at the jump.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24:00))")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EXAMPLE: Final = 'Window("22:00-06:00", zone="America/Mexico_City", days="mon-fri")'
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One time of being open, by the hour in UTC; it is over at `closes`."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True)
class Window:
    """Keep a migration's work to hours of the day.

    `hours` are by the clock of `zone`, an IANA name, and may cross midnight; `days` name the day
    on which they begin: `mon-fri`, `sat,sun`.
    """

    hours: str
    zone: str = field(kw_only=True)
    days: str = field(default="mon-sun", kw_only=True)

    def __str__(self) -> str:
        return f"{self.hours} {self.days}, {self.zone}"

    def spec(self) -> Mapping[str, object]:
        """Return the declaration as plain values."""
        return {"hours": self.hours, "zone": self.zone, "days": self.days}

    def problems(self) -> Iterator[str]:
        """Say what is wrong with the declaration."""
        if not _HOURS.fullmatch(str(self.hours)):
            yield f"window: hours {self.hours!r} are none; write them as in {_EXAMPLE}"
        elif self._from == self._to:
            yield f"window: {self.hours} begins where it ends; a whole day is 00:00-24:00"
        if _zone(self.zone) is None:
            yield f"window: {self.zone!r} is no IANA time zone such as America/Mexico_City"
        if not _weekdays(str(self.days)):
            yield f"window: days {self.days!r} are none; write mon-fri, or sat,sun"
        elif self.hours == "00:00-24:00" and len(_weekdays(self.days)) == len(_DAYS):
            yield "window: it never closes; leave it out"

    def is_open(self, at: datetime) -> bool:
        """Tell whether it is open at a moment."""
        return self.at_or_after(at).opens <= at

    def closes(self, at: datetime) -> datetime | None:
        """Return when it closes that is open at a moment; None where it is closed."""
        found = self.at_or_after(at)
        return found.closes if found.opens <= at else None

    def next_opening(self, at: datetime) -> datetime:
        """Return the first moment after this one at which it opens."""
        found = self.at_or_after(at)
        return found.opens if found.opens > at else self.at_or_after(found.closes).opens

    def at_or_after(self, at: datetime) -> Opening:
        """Return the opening at a moment, else the next one."""
        return next(one for one in self.openings(at) if one.closes > at)

    def worked(self, at: datetime, span: timedelta) -> datetime:
        """Return when work is done that begins at a moment and takes so long, in open hours."""
        for one in self.openings(at):
            begins = max(at, one.opens)
            if begins + span <= one.closes:
                return begins + span
            span -= max(timedelta(), one.closes - begins)
        raise AssertionError("a window opens again and again")

    def openings(self, at: datetime) -> Iterator[Opening]:
        """Yield its openings in their order, from one that is over at a moment on.

        What closes as the next one opens is one opening.
        """
        held: Opening | None = None
        for one in self._daily(at):
            if held is None:
                held = one
            elif held.closes >= one.opens:
                held = Opening(opens=held.opens, closes=max(held.closes, one.closes))
            else:
                yield held
                held = one

    def _daily(self, at: datetime) -> Iterator[Opening]:
        place, weekdays = ZoneInfo(self.zone), _weekdays(self.days)
        # A week before: what began then and ends today may have no gap in between.
        day = at.astimezone(place).date() - 8 * _DAY
        while True:
            if day.weekday() in weekdays:
                one = self._on(day, place)
                if one.opens < one.closes:
                    yield one
            day += _DAY

    def _on(self, day: date, place: ZoneInfo) -> Opening:
        last = day + _DAY if self._to <= self._from else day
        opens = _instant(day, self._from, place, later=True)
        closes = _instant(last, self._to, place, later=False)
        if closes <= opens:
            # Both within the hour that comes twice: the second time it is.
            closes = _instant(last, self._to, place, later=True)
        return Opening(opens=opens, closes=closes)

    @property
    def week_seconds(self) -> float:
        """Return for how long it is open in a week without a change of the clock."""
        span = (self._to - self._from) % timedelta(days=1) or timedelta(days=1)
        return span.total_seconds() * len(_weekdays(self.days))

    @cached_property
    def _from(self) -> timedelta:
        return _since_midnight(self.hours.split("-")[0])

    @cached_property
    def _to(self) -> timedelta:
        return _since_midnight(self.hours.split("-")[1])


def _since_midnight(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        # OSError: the name is a folder of zones.
        return None


def _weekdays(text: str) -> frozenset[int]:
    """Return the days that are meant, Monday as 0; none where a part of the text is no day."""
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if first not in _DAYS or last not in _DAYS:
            return frozenset()
        begin = _DAYS.index(first)
        # A range may go over the end of the week: sat-mon.
        count = (_DAYS.index(last) - begin) % len(_DAYS) + 1
        found |= {(begin + n) % len(_DAYS) for n in range(count)}
    return frozenset(found)


def _instant(day: date, since_midnight: timedelta, place: ZoneInfo, *, later: bool) -> datetime:
    """Return when the clock of a place shows a time; of a time that comes twice, one of the two."""
    shown = datetime.combine(day, time()) + since_midnight
    first, second = (shown.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(place).replace(tzinfo=None) != shown:
        return _jump(second, first, place)
    return second if later else first


def _jump(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    """Return when the clock jumps that does so between two moments, to the minute."""
    offset = before.astimezone(place).utcoffset()
    low, high = before, after
    while high - low > _MINUTE:
        middle = low + (high - low) // 2
        if middle.astimezone(place).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(second=0, microsecond=0)
