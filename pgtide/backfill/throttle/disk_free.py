"""Space left: known only where the server's data directory is on this machine (trap 86).

SQL cannot tell it. Where it cannot be known, `disk_limit` is the operator's way to say it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pgtide.backfill.throttle.reading import Clear, Reading, compared_least
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_size

# Of postmaster.pid: when the server was started, in seconds.
_STARTED_LINE: Final = 2
_CLOSE: Final = 2.0


def free_space(directory: str, started: float) -> float | None:
    """Return the bytes left under a data directory, None where it is not this server's or not ours.

    A tunnel makes a distant server look near: the start time in its lock file proves that it is the
    same.
    """
    try:
        lines = (Path(directory) / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        if abs(float(lines[_STARTED_LINE]) - started) > _CLOSE:
            return None
        volume = os.statvfs(directory)
    except (OSError, ValueError, IndexError):
        return None
    return float(volume.f_bavail * volume.f_frsize)


class DiskFree:
    """Judge the space that is left, where it can be known; not every role may know where."""

    name = "disk_free"
    query = "data_directory"
    needed = False

    def __init__(
        self, limit: float, free: Callable[[str, float], float | None] = free_space
    ) -> None:
        self._limit = limit
        self._free = free

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how much space is left."""
        del now
        left = self._free(rows[0]["directory"], rows[0]["started"])
        if left is None:
            return Clear()
        reason = f"{say_size(left)} of disk are left, at least {say_size(self._limit)} wanted"
        return compared_least(reason, value=left, limit=self._limit)
