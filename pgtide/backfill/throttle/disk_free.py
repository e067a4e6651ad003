"""Space left: known only where the server's data directory is on this machine (trap 86).

SQL cannot tell it. Where it cannot be known, `disk_limit` is the operator's way to say it.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pgtide.backfill.throttle.reading import Clear, Reading, compared_least
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_size

# Of postmaster.pid: when the server was started, in seconds.
_STARTED_LINE: Final = 2
_CLOSE: Final = 2.0


def free_space(server: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the bytes left at each place that the backfill fills, its data directory first.

    None where that is not this server's or not ours: a tunnel makes a distant server look near, and
    the start time in its lock file proves that it is the same. A place that cannot be asked is left
    out.
    """
    home = Path(server["directory"])
    try:
        lines = (home / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        if abs(float(lines[_STARTED_LINE]) - server["started"]) > _CLOSE:
            return None
        found = {"its data": _left(home)}
    except (OSError, ValueError, IndexError):
        return None
    # WAL often has a disk of its own.
    elsewhere = {"its WAL": home / "pg_wal"}
    elsewhere |= {f"the tablespace at {place}": Path(place) for place in server["tablespaces"]}
    for name, place in elsewhere.items():
        with suppress(OSError):
            found[name] = _left(place)
    return found


def _left(place: Path) -> float:
    volume = os.statvfs(place)
    return float(volume.f_bavail * volume.f_frsize)


class DiskFree:
    """Judge the space that is left, where it can be known; not every role may know where."""

    name = "disk_free"
    query = "data_directory"
    needed = False

    def __init__(
        self,
        limit: float,
        free: Callable[[Mapping[str, Any]], Mapping[str, float] | None] = free_space,
    ) -> None:
        self._limit = limit
        self._free = free

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how much space is left where there is least."""
        del now
        places = self._free(rows[0])
        if places is None:
            return Clear()
        place, left = min(places.items(), key=lambda one: one[1])
        wanted = say_size(self._limit)
        reason = f"{say_size(left)} of disk are left for {place}, at least {wanted} wanted"
        return compared_least(reason, value=left, limit=self._limit)
