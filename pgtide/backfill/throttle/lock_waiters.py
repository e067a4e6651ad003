"""Lock waiters: sessions that wait for the table or for a batch; more batches make it worse."""

from pgtide.backfill.throttle.reading import Clear, Reading, compared
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_seconds


class LockWaiters:
    """Judge how many sessions have waited for a second or longer."""

    name = "lock_waiters"
    query = "lock_waiters"
    needed = True

    def __init__(self, limit: int, table: str) -> None:
        self._limit = limit
        self._table = table

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how many sessions wait, and which for the longest."""
        del now
        if not rows:
            return Clear(value=0.0, limit=float(self._limit))
        first = rows[0]
        who = f"pid {first['pid']} ({first['application']}) for {say_seconds(first['seconds'])}"
        waiting = "session waits" if len(rows) == 1 else "sessions wait"
        reason = f"{len(rows)} {waiting} for a lock on {self._table}, {who}, limit {self._limit}"
        return compared(reason, value=float(len(rows)), limit=float(self._limit))
