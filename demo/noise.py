"""How long this machine makes an application wait when nobody migrates anything."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from demo.control import Wait, alone, longest_wait, waits
from demo.journal import Entry, longest
from demo.traffic import Application

SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The longest statement of a while without a migration, in seconds, and how many ran.

    `longest_alone` leaves out the time in which the control waited too, at most `longest_control`.
    """

    longest: float
    longest_alone: float
    longest_control: float
    statements: int
    seconds: float


def measure(
    applications: Sequence[Application],
    control: Application,
    *,
    seconds: float = SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Noise:
    """Watch running applications for so many seconds."""
    begun = time.monotonic()
    sleep(seconds)
    ended = time.monotonic()
    seen = [entry for one in applications for entry in between(one.entries, begun, ended)]
    worst, held = longest(seen), waits(control.entries)
    return Noise(
        longest=worst.seconds if worst else 0.0,
        longest_alone=longest_alone(seen, held),
        longest_control=longest_wait(held, begun, ended),
        statements=len(seen),
        seconds=seconds,
    )


def longest_alone(entries: Iterable[Entry], held: Sequence[Wait]) -> float:
    """Return the longest statement, the time left out in which the control waited too."""
    return max((alone(entry.begun, entry.ended, held) for entry in entries), default=0.0)


def between(entries: Sequence[Entry], begun: float, ended: float) -> list[Entry]:
    """Return the statements that began within a span of monotonic time."""
    return [entry for entry in entries if begun <= entry.begun < ended]
