"""Turns: before each batch, whether there is a core for it, and whether somebody waits for its log.

Who else is at work on the server is asked once a second, on the session of whoever comes first: an
application that comes back an hour later finds its core free again.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from pgtide.backfill.hands import Hands
from pgtide.errors import PgtideError
from pgtide.ledger.worker import Worker
from pgtide.postgres.activity import Capacity, busy

_ASKED_EVERY: Final = 1.0
# Who waits for a turn hears within this that the run has to end.
_MOMENT: Final = 0.2


class Turns:
    """Let as many workers of a process fill at once as the server has hands for now.

    They come in the order in which they ask: a worker that others were always faster than would
    keep its slice half done.
    """

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._names: set[str] = set()
        # Until it is known, as if there were somebody.
        self._durable = True
        self._most = hands.number
        self._asked = float("-inf")
        self._at_work = 0
        self._queue: deque[int] = deque()
        self._changed = threading.Condition()

    def know(self, sessions: Iterable[str]) -> None:
        """Count sessions of these names as the workers that take turns, and not as others."""
        self._names.update(sessions)

    @contextmanager
    def turn(self, worker: Worker) -> Iterator[None]:
        """Wait for a turn, and keep it for as long as the block runs."""
        self.look(worker)
        with self._changed:
            self._queue.append(worker.id)
            try:
                while self._at_work >= self._most or self._queue[0] != worker.id:
                    self._changed.wait(_MOMENT)
                    worker.check()
                self._at_work += 1
            finally:
                self._queue.remove(worker.id)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def look(self, worker: Worker) -> None:
        """Ask who is at work, where that was long ago; the worker's batches commit accordingly."""
        now = worker.clock.monotonic()
        with self._changed:
            due = now - self._asked >= _ASKED_EVERY
            if due:
                self._asked = now
        if due:
            # A lost session is found by the batch; until then things are as they were.
            with suppress(PgtideError):
                self._heard(busy(worker.session, but=sorted(self._names)))
        worker.durable = self._durable

    def _heard(self, server: Capacity) -> None:
        with self._changed:
            self._durable = server.shared
            self._most = self._hands.beside(server)
            self._changed.notify_all()
