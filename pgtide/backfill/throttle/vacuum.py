"""A vacuum of the table: the backfill gives way to a long one, or one against wraparound at once.

A short one is no trouble: the walk itself provokes some, and pruning does their work meanwhile.
"""

from pgtide.backfill.throttle.reading import Clear, Held, Reading, compared
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_seconds


class Vacuum:
    """Judge how long a vacuum has run; without a limit only those against wraparound count."""

    name = "vacuum"
    query = "vacuums"
    needed = True

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._seen: dict[int, float] = {}

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how long the oldest vacuum of the table has run."""
        # A role may not see since when a worker runs: then since we saw it.
        self._seen = {row["pid"]: self._seen.get(row["pid"], now) for row in rows}
        ran = {row["pid"]: max(row["seconds"] or 0.0, now - self._seen[row["pid"]]) for row in rows}
        for row in rows:
            if row["wraparound"]:
                age = ran[row["pid"]]
                reason = (
                    f"a vacuum to prevent wraparound of {row['table']} (pid {row['pid']}) has run "
                    f"for {say_seconds(age)}"
                )
                return Held(reason=reason, value=age, limit=0.0)
        if self._limit is None or not rows:
            return Clear()
        row = max(rows, key=lambda row: ran[row["pid"]])
        age = ran[row["pid"]]
        reason = (
            f"a vacuum of {row['table']} (pid {row['pid']}) has run for {say_seconds(age)}, "
            f"limit {say_seconds(self._limit)}"
        )
        return compared(reason, value=age, limit=self._limit)
