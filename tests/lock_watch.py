"""How long a strong lock on a table is held, as another session sees it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

_HELD = """
SELECT count(*) > 0 FROM pg_locks
 WHERE relation = %s AND mode = 'AccessExclusiveLock' AND granted AND pid <> pg_backend_pid()
"""


@dataclass(slots=True)
class Holds:
    """How often the lock was seen, and the longest stretch in which it was never seen free.

    `blink` is the longest time between two looks: no stretch is known better than that.
    """

    sightings: int = 0
    longest: float = 0.0
    blink: float = 0.0


@contextmanager
def watching_locks(url: str, table: str) -> Iterator[Holds]:
    """Look for the lock over and over while the block runs."""
    holds, stop = Holds(), threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True) as session:
            found = session.execute("SELECT %s::regclass::oid", [table]).fetchone()
            assert found is not None
            free = looked = time.monotonic()
            while not stop.is_set():
                before = time.monotonic()
                holds.blink = max(holds.blink, before - looked)
                looked = before
                seen = session.execute(_HELD, found).fetchone()
                if seen == (True,):
                    holds.sightings += 1
                    holds.longest = max(holds.longest, time.monotonic() - free)
                else:
                    free = before

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield holds
    finally:
        stop.set()
        thread.join()
