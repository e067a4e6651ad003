"""Turns: before each batch, whether there is a core for it, and whether somebody waits for its log.

Who else is at work on the server is asked once a second, on the session of whoever comes first: an
application that comes back an hour later finds its core free again.
"""

import threading
from collections.abc import Iterator
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
    """Let as many workers of a process fill at once as the server has hands for now."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        # Until it is known, as if there were somebody.
        self._durable = True
        self._most = hands.number
        self._asked = float("-inf")
        self._at_work = 0
        self._free = threading.Condition()

    @contextmanager
    def turn(self, worker: Worker) -> Iterator[None]:
        """Wait for a turn, and keep it for as long as the block runs."""
        self._ask(worker)
        with self._free:
            while self._at_work >= self._most:
                self._free.wait(_MOMENT)
                worker.check()
            self._at_work += 1
        worker.durable = self._durable
        try:
            yield
        finally:
            with self._free:
                self._at_work -= 1
                self._free.notify()

    def _ask(self, worker: Worker) -> None:
        now = worker.clock.monotonic()
        with self._free:
            if now - self._asked < _ASKED_EVERY:
                return
            self._asked = now
        # A lost session is found by the batch; until then things are as they were.
        with suppress(PgtideError):
            self._heard(busy(worker.session))

    def _heard(self, server: Capacity) -> None:
        with self._free:
            self._durable = server.shared
            self._most = self._hands.beside(server)
            self._free.notify_all()
