"""Two sessions in a chosen order: one writes, the other runs into it, the first commits."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from pgtide.errors import PgtideError

HERE = Path(__file__).parent
_BLOCKED_WITHIN = 20.0  # seconds


def quoted(name: str) -> bytes:
    """Return a fragment of SQL as it was written."""
    return (HERE / f"{name}.sql").read_bytes()


def run(url: str, name: str) -> None:
    """Run a fragment as psql would run the file."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(quoted(name))


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Do the work in a thread while the block runs; wait for its end, and raise what it raised."""
    raised: list[Exception] = []

    def attempt() -> None:
        try:
            work()
        except (psycopg.Error, PgtideError) as error:
            raised.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if raised:
        raise raised[0]


def write_into(url: str, statement: str, work: Callable[[], object]) -> None:
    """Write rows, let the work run into them, then commit the write; wait for the work's end."""
    with psycopg.connect(url) as writer:
        writer.execute(statement.encode())
        with meanwhile(work):
            wait_until_blocked(url, by=writer.info.backend_pid)
            writer.commit()


def wait_until_blocked(url: str, *, by: int) -> None:
    """Wait until some session waits for a lock that this one holds."""
    deadline = time.monotonic() + _BLOCKED_WITHIN
    with psycopg.connect(url, autocommit=True) as watcher:
        while time.monotonic() < deadline:
            row = watcher.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))",
                (by,),
            ).fetchone()
            if row and row[0]:
                return
            time.sleep(0.005)
    raise AssertionError("nobody waited: the interleaving did not happen")
