"""Wait between two batches until nothing holds, ready to stop at any moment."""

from collections.abc import Callable
from typing import Final, Protocol

from pgtide.backfill.throttle.valve import Valve
from pgtide.clock import Clock
from pgtide.events import Event

# A pause or an interrupt is noticed within this and a heartbeat: well inside two seconds.
_STEP: Final = 0.2


class Worker(Protocol):
    """Who runs batches."""

    @property
    def clock(self) -> Clock:
        """Return what it sleeps by."""
        ...

    def emit(self, event: Event) -> None:
        """Tell what happened."""
        ...

    def check(self) -> None:
        """Raise where the work must end."""
        ...


# What a worker does before each batch.
Before = Callable[[Worker], None]


def unhindered(worker: Worker) -> None:
    """Begin the next batch at once: whoever undoes wants the old shape back now."""
    del worker


def wait_until_clear(valve: Valve, worker: Worker) -> None:
    """Return as soon as nothing holds; raises what `worker.check` raises meanwhile."""
    _tell(worker, valve)
    while valve.held() is not None:
        worker.check()
        worker.clock.sleep(_STEP)
        _tell(worker, valve)


def _tell(worker: Worker, valve: Valve) -> None:
    # Told by the worker: its thread is the one that whoever listens knows.
    for event in valve.news():
        worker.emit(event)
