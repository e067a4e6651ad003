"""Active sessions: more at work than the machine has room for."""

from pgtide.backfill.throttle.reading import Reading, Unreadable, compared
from pgtide.backfill.throttle.signal import Rows


class ActiveSessions:
    """Judge how many clients other than pgtide are at work or in a transaction."""

    name = "active_sessions"
    query = "active_sessions"
    needed = True

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how many clients are not idle."""
        del now
        active, hidden = rows[0]["active"], rows[0]["hidden"]
        if hidden:
            return Unreadable(
                why=f"{hidden} sessions show nothing to this role; GRANT pg_read_all_stats to it"
            )
        reason = f"{active} sessions are at work, limit {self._limit}"
        return compared(reason, value=float(active), limit=float(self._limit))
