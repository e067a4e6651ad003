"""Figures as people read them."""

from datetime import UTC, datetime
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_TENTHS_BELOW: Final = 10
_THOUSAND: Final = 1000


def span(seconds: float) -> str:
    """Write a duration: 4.2 s, 45 s, 3 min 20 s, 2 h 10 min, 3 d 4 h."""
    if seconds < _TENTHS_BELOW:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    for unit, name, smaller, small in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def between(low: float, high: float) -> str:
    """Write a range of durations from now on, in seconds."""
    return _to(span(max(0.0, low)), span(max(0.0, high)))


def sizes_between(low: int, high: int) -> str:
    """Write a range of sizes."""
    return _to(data_size(low), data_size(high))


def _to(first: str, second: str) -> str:
    """Write two figures as a range, their unit once where it is the same."""
    if first == second:
        return first
    (number, *unit), (_, *other) = first.split(), second.split()
    return f"{number} to {second}" if unit == other else f"{first} to {second}"


def moment(at: datetime) -> str:
    """Write a moment in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def percent(value: float) -> str:
    """Write a percentage; whole ones without a fraction."""
    return f"{value:.0f} %" if value == int(value) else f"{value:.1f} %"


def data_size(count: int) -> str:
    """Write a size: 912 bytes, 1.4 MB, 23 GB."""
    size, units = float(count), ("kB", "MB", "GB", "TB")
    if count < _THOUSAND:
        return f"{count} bytes"
    for unit in units:
        size /= _THOUSAND
        if size < _THOUSAND or unit == units[-1]:
            return f"{size:.1f} {unit}" if size < _TENTHS_BELOW else f"{size:,.0f} {unit}"
    return f"{count:,} bytes"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
