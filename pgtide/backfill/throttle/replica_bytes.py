"""Replica lag in bytes: what the primary has written and a replica has not replayed (trap 82)."""

from pgtide.backfill.throttle.reading import Reading, Unreadable, compared
from pgtide.backfill.throttle.replica_lag import HIDDEN
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_size


class ReplicaBytes:
    """Judge the replica that is furthest behind in bytes."""

    name = "replica_bytes"
    query = "replicas"
    needed = True

    def __init__(self, limit: float, ignored: tuple[str, ...] = ()) -> None:
        self._limit = limit
        self._ignored = ignored

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how many bytes the furthest replica lacks."""
        del now
        if any(row["hidden"] for row in rows):
            return Unreadable(why=HIDDEN)
        behind = [
            (max(0.0, row["written"] - row["replayed"]), row["name"])
            for row in rows
            if row["name"] not in self._ignored
        ]
        lacks, name = max(behind, default=(0.0, ""))
        reason = f"replica {name} is {say_size(lacks)} behind, limit {say_size(self._limit)}"
        return compared(reason, value=lacks, limit=self._limit)
