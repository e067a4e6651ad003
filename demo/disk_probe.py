"""Whether the disk itself stood still: a small file of our own, written and synced all the time.

A commit waits for the disk. On a machine that others use too, a long wait may be theirs; it is told
apart by a probe that does nothing but what a commit does to the disk, in a file beside the data.
"""

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

# Often enough to be in flight when the disk stops, seldom enough to be no load.
_PAUSE: Final = 0.05
# A sync that takes longer is no ordinary one.
_STILL: Final = 0.05
_BLOCK: Final = bytes(8192)
# What the server itself uses where there is one.
_SYNC: Final = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A span of monotonic time in which one sync did not come back."""

    begun: float
    ended: float


class DiskProbe:
    """Sync a file for as long as the block runs, and remember when that took long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = threading.Event()
        self._stills: list[Still] = []
        self._thread = threading.Thread(target=self._run, name="disk probe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    @property
    def stills(self) -> tuple[Still, ...]:
        """Return the spans in which the disk stood still."""
        return tuple(self._stills)

    def _run(self) -> None:
        with self._path.open("wb") as file:
            while not self._stop.wait(_PAUSE):
                begun = time.monotonic()
                os.pwrite(file.fileno(), _BLOCK, 0)
                _SYNC(file.fileno())
                ended = time.monotonic()
                if ended - begun > _STILL:
                    self._stills.append(Still(begun=begun, ended=ended))


def longest_still(stills: Iterable[Still], begun: float, ended: float) -> float:
    """Return the longest sync that began within a span, in seconds; 0 where all were ordinary."""
    return max((one.ended - one.begun for one in stills if begun <= one.begun < ended), default=0.0)


def without_stills(begun: float, ended: float, stills: Iterable[Still]) -> float:
    """Return how much of a span is left without those in which the disk stood still."""
    overlaps = (min(ended, one.ended) - max(begun, one.begun) for one in stills)
    return ended - begun - sum(one for one in overlaps if one > 0)
