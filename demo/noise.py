"""How long this machine makes an application wait when nobody migrates anything."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from demo.disk_probe import DiskProbe, Still, longest_still, without_stills
from demo.journal import Entry, longest
from demo.traffic import Application

SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The longest statement of a while without a migration, in seconds, and how many ran.

    `longest_own` leaves out the time in which the disk itself stood still, of which the longest was
    `longest_sync`.
    """

    longest: float
    longest_own: float
    longest_sync: float
    statements: int
    seconds: float


def measure(
    applications: Sequence[Application],
    probe: DiskProbe,
    *,
    seconds: float = SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Noise:
    """Watch running applications for so many seconds."""
    begun = time.monotonic()
    sleep(seconds)
    ended = time.monotonic()
    seen = [entry for one in applications for entry in between(one.entries, begun, ended)]
    worst = longest(seen)
    return Noise(
        longest=worst.seconds if worst else 0.0,
        longest_own=longest_own(seen, probe.stills),
        longest_sync=longest_still(probe.stills, begun, ended),
        statements=len(seen),
        seconds=seconds,
    )


def longest_own(entries: Iterable[Entry], stills: Sequence[Still]) -> float:
    """Return the longest statement, the disk's own stops left out."""
    own = (without_stills(entry.begun, entry.ended, stills) for entry in entries)
    return max(own, default=0.0)


def between(entries: Sequence[Entry], begun: float, ended: float) -> list[Entry]:
    """Return the statements that began within a span of monotonic time."""
    return [entry for entry in entries if begun <= entry.begun < ended]
