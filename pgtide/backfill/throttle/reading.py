"""What one look at one signal says."""

from dataclasses import dataclass
from typing import Final

# A limit of nothing is passed by anything.
_AT_ONCE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """The signal is within its limit.

    `load` is how near: 1 is at it. `reason` is the same sentence as beyond it.
    """

    load: float = 0.0
    reason: str = ""
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The signal is beyond its limit; None where it has no number."""

    reason: str
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Nobody knows: the server did not say."""

    why: str


Reading = Clear | Held | Unreadable


def compared(reason: str, *, value: float, limit: float) -> Clear | Held:
    """Return the reading of a value that must not exceed a limit."""
    if value > limit:
        return Held(reason=reason, value=value, limit=limit)
    load = value / limit if limit > 0 else 0.0
    return Clear(load=load, reason=reason, value=value, limit=limit)


def compared_least(reason: str, *, value: float, limit: float) -> Clear | Held:
    """Return the reading of a value that must not fall below a limit."""
    if value < limit:
        return Held(reason=reason, value=value, limit=limit)
    load = limit / value if value > 0 else _AT_ONCE
    return Clear(load=load, reason=reason, value=value, limit=limit)
