"""A statement that runs in a thread beside what a test does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg


@contextmanager
def alongside(connection: psycopg.Connection, statement: str) -> Iterator[None]:
    """Run a statement in a thread; it is cancelled at the end, if it has not ended."""

    def work() -> None:
        with suppress(psycopg.errors.QueryCanceled):
            connection.execute(statement.encode())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        connection.cancel_safe(timeout=5)
        thread.join()
