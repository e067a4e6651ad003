"""The control: an application like release A, on a table of the same server that nobody migrates.

What makes it wait is no lock on the migrated table. It may be the migration's all the same, since
both share the processors, the disk and the server's log: its waits excuse nothing. They tell a wait
that is the migration's for certain from one of which nobody can say whose it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from demo.database import create_users
from demo.journal import Entry
from demo.traffic import Load
from pgtide.postgres.session import connect

NAME: Final = "control"
ROWS: Final = 2000
# Often enough to be in flight when the machine stops, seldom enough to be no load.
LOAD: Final = Load(rate=30)
# A statement that takes longer is no ordinary one.
_WAIT: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A span of monotonic time in which the control did not get its answer."""

    begun: float
    ended: float


def create(url: str, control_url: str) -> None:
    """Create the control's database and its table, on the server of another database."""
    with connect(url, purpose="demo") as session:
        session.execute(f"CREATE DATABASE {NAME}")
    create_users(control_url, rows=ROWS)


def waits(entries: Iterable[Entry]) -> tuple[Wait, ...]:
    """Return the spans in which the control waited, without overlaps, in their order."""
    found: list[Wait] = []
    for entry in sorted(entries, key=lambda entry: entry.begun):
        if entry.seconds <= _WAIT:
            continue
        if found and entry.begun < found[-1].ended:
            # Two of its connections waited at once: the time counts once.
            found[-1] = replace(found[-1], ended=max(found[-1].ended, entry.ended))
        else:
            found.append(Wait(begun=entry.begun, ended=entry.ended))
    return tuple(found)


def longest_wait(waits: Iterable[Wait], begun: float, ended: float) -> float:
    """Return the longest wait that began within a span, in seconds; 0 where all were ordinary."""
    return max((one.ended - one.begun for one in waits if begun <= one.begun < ended), default=0.0)


def alone(begun: float, ended: float, waits: Iterable[Wait]) -> float:
    """Return how much of a span is left without the time in which the control waited too."""
    overlaps = (min(ended, one.ended) - max(begun, one.begun) for one in waits)
    return ended - begun - sum(one for one in overlaps if one > 0)
