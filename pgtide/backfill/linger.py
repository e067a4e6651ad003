"""Linger before another try, ready to stop at any moment."""

from typing import Final

from pgtide.ledger.worker import Worker

# A pause or an interrupt is noticed within this and a heartbeat: well inside two seconds.
_STEP: Final = 0.2
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0
# From here on each is the longest.
_GROWN: Final = 8


def back_off(worker: Worker, attempt: int) -> None:
    """Sleep after a failed try, the longer the more there were, with full jitter.

    Raises what ends the work meanwhile.
    """
    ceiling = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (min(attempt, _GROWN) - 1))
    until = worker.clock.monotonic() + ceiling * worker.clock.chance()
    while (left := until - worker.clock.monotonic()) > 0:
        worker.check()
        worker.clock.sleep(min(left, _STEP))
