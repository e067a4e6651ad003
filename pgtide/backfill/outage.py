"""A server that is away for a while: whoever works waits for it, and asks again."""

from collections.abc import Callable
from typing import Final, TypeVar

from pgtide.errors import ConnectionLost, Refused
from pgtide.ledger.heart import OUTAGE, away
from pgtide.ledger.run import Run
from pgtide.ledger.worker import Worker
from pgtide.postgres.session import Session

T = TypeVar("T")

# Between two tries to connect to a server that restarts.
_KNOCK: Final = 0.2


def outlast(who: Run | Worker, read: Callable[[Session], T]) -> T:
    """Read on a new connection, waiting for the server; raises what a run ends for."""
    deadline = who.clock.monotonic() + OUTAGE.total_seconds()
    while True:
        who.check()
        try:
            # Ends the old server process first: it could still commit (trap 63).
            who.reconnect()
            return read(who.session)
        except (ConnectionLost, Refused) as error:
            if who.clock.monotonic() > deadline:
                raise away(error) from error
        who.clock.sleep(_KNOCK)


def steadily(who: Run | Worker, read: Callable[[Session], T]) -> T:
    """Read on a session, and once more on a new one where that was lost meanwhile."""
    try:
        return read(who.session)
    except ConnectionLost:
        return outlast(who, read)
