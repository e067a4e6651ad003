"""Archive backlog: WAL files that are finished and not archived yet (trap 85)."""

from pgtide.backfill.throttle.reading import Reading, compared
from pgtide.backfill.throttle.signal import Rows


class ArchiveReady:
    """Judge how many files wait; a role without pg_monitor may not count them."""

    name = "archive_ready"
    query = "archive_ready"
    needed = False

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how many files wait for the archive."""
        del now
        files = rows[0]["files"]
        reason = f"{files} WAL files wait for the archive, limit {self._limit}"
        return compared(reason, value=float(files), limit=float(self._limit))
