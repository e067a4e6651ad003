"""How many workers fill a table at once: a function of what was asked for, and of the server."""

from dataclasses import dataclass
from typing import Final

from pgtide.model.backfill import MOST_WORKERS, Backfill
from pgtide.postgres.activity import Capacity

# Where the server does not say how many cores it has: what the smallest one in production has.
_CORES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """A number of workers, and why so many.

    `cores` are those that they were chosen for; None where somebody has said how many there are.
    """

    number: int
    why: str
    cores: int | None = None

    def beside(self, server: Capacity) -> int:
        """Return how many of them may be at work at once beside who else is now, ours and others.

        These workers themselves are not to be among them.
        """
        if self.cores is None:
            return self.number
        return max(1, min(self.number, self.cores - server.ours - _others(server)))


def hands(filling: Backfill, override: int | None, capacity: Capacity) -> Hands:
    """Return how many workers a process begins with."""
    if override is not None:
        return Hands(number=override, why="PGTIDE_WORKERS says so")
    if filling.workers != "auto":
        return Hands(number=filling.workers, why="the migration's file says so")
    cores = capacity.cores or _CORES
    number = max(1, min(MOST_WORKERS, cores - capacity.ours - _others(capacity)))
    said = f"has {cores} cores" if capacity.cores else "does not say how many cores it has"
    return Hands(number=number, why=f"the server {said}, and {_at_work(capacity)}", cores=cores)


def _others(capacity: Capacity) -> int:
    # Where a worker has every core, one in ten of an application's statements waits for its turn:
    # one stays free for whoever was there a moment ago, or may be and is not seen.
    return max(capacity.others, 1 if capacity.lately or capacity.hidden else 0)


def _at_work(capacity: Capacity) -> str:
    busy = capacity.ours + capacity.others
    if busy:
        return f"{busy} other {'session is' if busy == 1 else 'sessions are'} at work on it"
    if capacity.lately:
        return "others were at work on it a moment ago"
    if capacity.hidden:
        return (
            f"{capacity.hidden} sessions show nothing to this role; GRANT pg_read_all_stats to it"
        )
    return "nobody else is at work on it"
