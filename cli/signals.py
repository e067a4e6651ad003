"""Ctrl-C and SIGTERM: the first asks the work to stop at its next checkpoint, more do no harm."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from pgtide.clock import Clock

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Hear signals while a migration is worked on."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.asked = threading.Event()
        self._tell = tell

    @property
    def clock(self) -> Clock:
        """Return a clock whose pauses end when the work is asked to stop."""
        return Clock(sleep=self._pause)

    def _pause(self, seconds: float) -> None:
        if self.asked.wait(seconds):
            # A loop that polls must not spin while it winds down.
            threading.Event().wait(min(seconds, 0.1))

    def hear(self, _number: int, _frame: FrameType | None) -> None:
        """Take a signal, the first or a later one."""
        again = self.asked.is_set()
        self.asked.set()
        self._tell(
            "Already stopping: the last batch is being checkpointed."
            if again
            else "Stopping at the next checkpoint ..."
        )


@contextmanager
def stopping(tell: Callable[[str], None]) -> Iterator[Stop]:
    """Turn signals into a wish to stop for as long as the block runs.

    After one the command is on its way out, and ignores more of them from then on: an impatient
    person must not change how it ends.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    stop = Stop(tell)
    for number in _SIGNALS:
        signal.signal(number, stop.hear)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if stop.asked.is_set() else handler)
