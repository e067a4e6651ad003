"""A session of an application's that measures how long it is kept waiting."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

_EVERY = 0.005  # seconds between two statements


@dataclass(slots=True)
class Stalls:
    """How long each statement took, in seconds."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """Return the longest time that a statement took."""
        return max(self.seconds)


@contextmanager
def probing(url: str, *statements: str) -> Iterator[Stalls]:
    """Run statements over and over, in turn, on a connection of their own, while the block runs."""
    stalls, stop = Stalls(), threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as session:
            while not stop.wait(_EVERY):
                for statement in statements:
                    begun = time.monotonic()
                    try:
                        session.execute(statement.encode())
                    except psycopg.Error as error:
                        stalls.failures.append(str(error))
                    stalls.seconds.append(time.monotonic() - begun)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stalls
    finally:
        stop.set()
        thread.join()


def noise(url: str, *statements: str, seconds: float) -> float:
    """Return the longest stall that this machine makes by itself in so many seconds."""
    with probing(url, *statements) as stalls:
        time.sleep(seconds)
    return stalls.longest
