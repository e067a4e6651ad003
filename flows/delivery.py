"""What Prefect has yet to tell its server, told before that server goes."""

from typing import Final

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

# Two seconds' worth of lines and events, at most: it takes a moment, unless the server is lost.
_PATIENCE: Final = 10.0


def deliver() -> None:
    """Wait until logs and events have arrived.

    Else the process would look for the server at its own end, for more than a minute.
    """
    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=_PATIENCE)
