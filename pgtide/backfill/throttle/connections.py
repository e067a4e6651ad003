"""Connections: a server that is nearly full has no room for a surge of the application's."""

from pgtide.backfill.throttle.reading import Reading, compared
from pgtide.backfill.throttle.signal import Rows


class Connections:
    """Judge which share of the connections open to all is taken."""

    name = "connections"
    query = "connections"
    needed = True

    def __init__(self, limit: float) -> None:
        self._limit = limit

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return the share that is taken."""
        del now
        taken, most = rows[0]["taken"], rows[0]["most"]
        share = taken / most
        reason = f"{taken} of {most} connections are taken ({share:.0%}), limit {self._limit:.0%}"
        return compared(reason, value=share, limit=self._limit)
