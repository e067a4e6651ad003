"""A signal asks the run to stop; the batch at work ends first, and is checkpointed.

Prefect's own handler raises where the main thread happens to be, in the middle of a statement
perhaps. Cancelling a flow run reaches its process as SIGTERM too.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from flows.context import Invocation

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Asked:
    """Remember the signal that asked for the stop, if one did."""

    def __init__(self, stop: threading.Event) -> None:
        self.signal: int | None = None
        self._stop = stop

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal; a second Ctrl-C does not wait for the batch."""
        if number == signal.SIGINT and self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        self._stop.set()


@contextmanager
def stopping(invocation: Invocation) -> Iterator[Asked]:
    """Turn SIGTERM and Ctrl-C into a stop while the block runs.

    A handler of the caller's own is put back in the place that Prefect took. Only a main thread
    hears signals.
    """
    asked = Asked(invocation.caller.stop)
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, invocation.handlers.get(number, asked))
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
