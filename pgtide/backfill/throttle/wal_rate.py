"""WAL rate: bytes a second that replicas, archive and disk have to take, over the last seconds."""

from collections import deque
from typing import Final

from pgtide.backfill.throttle.reading import Clear, Reading, compared
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_size

# Long enough that one checkpoint's full pages do not count as a storm.
_SPAN: Final = 5.0


class WalRate:
    """Judge how fast the server writes WAL, whoever makes it."""

    name = "wal_rate"
    query = "wal_position"
    needed = True

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._marks: deque[tuple[float, float]] = deque()

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return the mean rate between now and five seconds ago, or the first look."""
        self._marks.append((now, rows[0]["written"]))
        while len(self._marks) > 2 and self._marks[1][0] <= now - _SPAN:  # noqa: PLR2004  # a span has two ends
            self._marks.popleft()
        (begun, before), (_, written) = self._marks[0], self._marks[-1]
        if now <= begun:
            return Clear()
        rate = (written - before) / (now - begun)
        reason = f"{say_size(rate)} of WAL a second are written, limit {say_size(self._limit)}"
        return compared(reason, value=rate, limit=self._limit)
