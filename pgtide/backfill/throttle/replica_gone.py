"""A replica that this run has seen and sees no more: its lag is unknown, which is no lag of zero.

Fail closed (trap 82): it is away while WAL is written, and somebody may be reading from it.
"""

from collections import Counter

from pgtide.backfill.throttle.reading import Clear, Held, Reading, Unreadable
from pgtide.backfill.throttle.replica_lag import HIDDEN
from pgtide.backfill.throttle.signal import Rows


class ReplicaGone:
    """Count replicas by their names, and miss those that were there."""

    name = "replica_gone"
    query = "replicas"
    needed = True

    def __init__(self, ignored: tuple[str, ...] = ()) -> None:
        self._ignored = ignored
        self._seen: Counter[str] = Counter()

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return which replicas are gone since this run began."""
        del now
        if any(row["hidden"] for row in rows):
            return Unreadable(why=HIDDEN)
        here = Counter(row["name"] for row in rows if row["name"] not in self._ignored)
        # The most of each name that were there at once: several may share one.
        self._seen |= here
        gone = sum((self._seen - here).values())
        if not gone:
            return Clear(limit=0.0, value=0.0)
        names = ", ".join(sorted(self._seen - here))
        reason = (
            f"replica {names} is gone since this run began, so its lag is unknown "
            "(`pgtide pause` and `resume` go on without it)"
        )
        return Held(reason=reason, value=float(gone), limit=0.0)
