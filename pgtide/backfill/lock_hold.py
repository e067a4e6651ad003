"""The hold of a crew at what others keep locked: told once, however many workers are at it.

It stands in the ledger beside the signals of the throttle, and is told as they are.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress

from pgtide.backfill.throttle.reading import Held
from pgtide.errors import PgtideError
from pgtide.events import ThrottleEnded, ThrottleHeld
from pgtide.ledger import throttled
from pgtide.ledger.worker import Worker
from pgtide.model.throttle import LOCKS


class LockHold:
    """Keep who is held, since when, and who was last named for it.

    `left` are the slices that were left for others, with the monotonic second at which a lock was
    first met there.
    """

    def __init__(self) -> None:
        self.left: dict[int, float] = {}
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._since = 0.0
        self._named: frozenset[str] = frozenset()

    def hold(self, worker: Worker, reason: str, *, named: Sequence[str], seconds: float) -> None:
        """Say that a worker has been held for so long; told again only where the names change."""
        with self._lock:
            begun = not self._held
            if begun:
                self._since = worker.clock.monotonic() - seconds
            self._held.add(worker.id)
            news = begun or (bool(named) and frozenset(named) != self._named)
            self._named = frozenset(named)
        if news:
            event = ThrottleHeld(signal=LOCKS, reason=reason, value=seconds, limit=None)
            worker.emit(event)
        # Best effort, as all that is only told: the next try finds what became of the session.
        with suppress(PgtideError):
            why = Held(reason=reason, value=seconds)
            throttled.hold(worker.session, worker.lease, LOCKS, why)

    def let_go(self, worker: Worker, *, ends: bool) -> None:
        """Say that a worker is held no more; `ends`: since its run ends, of which all is told."""
        with self._lock:
            self._held.discard(worker.id)
            if self._held:
                return
            seconds = worker.clock.monotonic() - self._since
        if not ends:
            worker.emit(ThrottleEnded(signal=LOCKS, seconds=seconds))
        with suppress(PgtideError):
            known = None if ends else seconds
            throttled.end(worker.session, worker.lease, LOCKS, seconds=known)
