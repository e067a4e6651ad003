"""Growth: how much bigger the database may become, as the operator says (trap 86)."""

from pgtide.backfill.throttle.reading import Reading, compared
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_size


class DiskLimit:
    """Judge how much the database has grown since the backfill began, other tables included."""

    name = "disk_limit"
    query = "growth"
    needed = True

    def __init__(self, limit: float) -> None:
        self._limit = limit

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how much the database has grown."""
        del now
        grown = max(0.0, rows[0]["bytes"])
        reason = f"the database has grown by {say_size(grown)}, limit {say_size(self._limit)}"
        return compared(reason, value=grown, limit=self._limit)
