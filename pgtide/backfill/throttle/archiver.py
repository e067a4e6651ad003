"""The archive fails: WAL piles up until the disk is full (trap 85)."""

from pgtide.backfill.throttle.reading import Clear, Held, Reading
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_seconds


class Archiver:
    """Hold while the last failure is newer than the last success."""

    name = "archiver"
    query = "archiver"
    needed = True

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return whether the archive fails, and for how long it has not succeeded."""
        del now
        if not rows:
            return Clear(value=0.0, limit=0.0)
        waited = rows[0]["seconds"] or 0.0
        reason = f"the archive fails on {rows[0]['file']}, no success for {say_seconds(waited)}"
        return Held(reason=reason, value=waited, limit=0.0)
