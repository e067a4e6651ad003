"""A worker's process from its first batch on: how long it walks, and how much memory it has."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from pgtide.events import BatchBegan, BatchCommitted, Event

# Often enough for what grows, seldom enough to cost nothing.
_PAUSE: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """Seconds from the first batch to the last; resident bytes at first, and at most since."""

    seconds: float
    first_bytes: int
    most_bytes: int

    @property
    def growth(self) -> int:
        """Return by how many bytes it grew."""
        return self.most_bytes - self.first_bytes


class Watch:
    """Look at this process."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._begun = self._ended = 0.0
        self._seen: list[int] = []
        self._over = threading.Event()

    def heard(self, event: Event) -> None:
        """Begin with the first batch; each that is committed may be the last."""
        if isinstance(event, BatchCommitted):
            self._ended = time.monotonic()
        elif not self._seen and isinstance(event, BatchBegan):
            self._begun = time.monotonic()
            self._look()

    def walked(self) -> Walked:
        """Look for the last time, and return what was seen."""
        assert self._seen, "no batch has begun"
        self._look()
        return Walked(
            seconds=self._ended - self._begun,
            first_bytes=self._seen[0],
            most_bytes=max(self._seen),
        )

    def keep_looking(self) -> None:
        """Look again and again, until it is over."""
        while not self._over.wait(_PAUSE):
            if self._seen:
                self._look()

    def end(self) -> None:
        """Look no more."""
        self._over.set()

    def _look(self) -> None:
        self._seen.append(int(self._process.memory_info().rss))


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch this process while the block runs."""
    watch = Watch()
    thread = threading.Thread(target=watch.keep_looking)
    thread.start()
    try:
        yield watch
    finally:
        watch.end()
        thread.join()
