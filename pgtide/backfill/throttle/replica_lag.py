"""Replica lag in time: how old what a replica shows is.

The run's heartbeat writes a row each second. We note how far the primary's WAL had come at each
look; the first look that is beyond what a replica has replayed tells how old what it lacks is.
`replay_lag` alone lies both ways, and the primary is all that has to be asked (trap 82).
"""

from collections import deque
from typing import Final

from pgtide.backfill.throttle.reading import Clear, Reading, Unreadable, compared
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_seconds

HIDDEN: Final = (
    "there are replicas, and this role may not see how far they are; GRANT pg_read_all_stats to it"
)
# At a look a second, an hour: a replica that lags for longer is known to lag for an hour.
_MARKS: Final = 3600


class ReplicaLag:
    """Judge the replica that is furthest behind in time."""

    name = "replica_lag"
    query = "replicas"
    needed = True

    def __init__(self, limit: float, ignored: tuple[str, ...] = ()) -> None:
        self._limit = limit
        self._ignored = ignored
        self._marks: deque[tuple[float, float]] = deque(maxlen=_MARKS)

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how old the oldest thing is that a replica still lacks."""
        if any(row["hidden"] for row in rows):
            return Unreadable(why=HIDDEN)
        if not rows:
            return Clear()
        self._marks.append((now, max(row["written"] for row in rows)))
        ages = [
            (self._age(row["replayed"], now), row["name"])
            for row in rows
            if row["name"] not in self._ignored
        ]
        age, name = max(ages, default=(0.0, ""))
        reason = f"replica {name} lags {say_seconds(age)}, limit {say_seconds(self._limit)}"
        return compared(reason, value=age, limit=self._limit)

    def _age(self, replayed: float, now: float) -> float:
        return now - next((at for at, written in self._marks if written > replayed), now)
