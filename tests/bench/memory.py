"""How much memory a process has, from its first batch on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from pgtide.events import BatchBegan, Event

# Often enough for what grows, seldom enough to cost nothing.
_PAUSE: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident bytes: at the first batch, and the most that were seen from then on."""

    first: int
    most: int

    @property
    def growth(self) -> int:
        """Return by how much it grew."""
        return self.most - self.first


class Watch:
    """Look at the memory of this process."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._seen: list[int] = []
        self._over = threading.Event()

    def heard(self, event: Event) -> None:
        """Begin with the first batch."""
        if not self._seen and isinstance(event, BatchBegan):
            self._look()

    @property
    def memory(self) -> Memory:
        """Return what was seen."""
        assert self._seen, "no batch has begun"
        return Memory(first=self._seen[0], most=max(self._seen))

    def keep_looking(self) -> None:
        """Look again and again, until it is over."""
        while not self._over.wait(_PAUSE):
            if self._seen:
                self._look()

    def end(self) -> None:
        """Look for the last time."""
        self._over.set()
        self._look()

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
