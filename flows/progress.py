"""How far the backfill is, for the progress artifact."""

from collections.abc import Callable
from typing import Final

from pgtide.events import BatchCommitted, Event

# Often enough for a person, rare enough for the server: an update is a request of 10 ms.
_PAUSE: Final = 5.0
# Until the sweep is clean nobody can say that it is done.
_MOST: Final = 99.0


class Progress:
    """Count rows as they are committed and show the share, at most every few seconds."""

    def __init__(self, show: Callable[[float, str], None], monotonic: Callable[[], float]) -> None:
        self._show = show
        self._monotonic = monotonic
        self._done = 0
        self._total = 0
        self._shown: float | None = None

    def begin(self, *, done: int, total: int) -> None:
        """Start from what the ledger has."""
        self._done, self._total = done, total
        self._tell()

    def end(self) -> None:
        """Show that the backfill is through."""
        self._show(100.0, f"{self._done:,} rows filled; none is left")

    def __call__(self, event: Event) -> None:
        """Listen to an event."""
        if isinstance(event, BatchCommitted):
            self._done += event.rows
            if self._shown is None or self._monotonic() - self._shown >= _PAUSE:
                self._tell()

    def _tell(self) -> None:
        self._shown = self._monotonic()
        share = 100.0 * self._done / self._total if self._total else 0.0
        # As people read it: the UI prints what it gets.
        self._show(
            round(min(_MOST, share), 1), f"{self._done:,} of about {self._total:,} rows filled"
        )
