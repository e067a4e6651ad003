"""A report that holds a table: a transaction that has read it and does not end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

READER = "reporting"


@contextmanager
def reading(url: str, *, seconds: float = 60) -> Iterator[threading.Event]:
    """Hold the table as a report does, for so long or until the event is set."""
    held, ended = threading.Event(), threading.Event()

    def work() -> None:
        with psycopg.connect(make_conninfo(url, application_name=READER)) as session:
            session.execute("SELECT count(*) FROM public.users")
            held.set()
            ended.wait(seconds)

    thread = threading.Thread(target=work)
    thread.start()
    held.wait()
    try:
        yield ended
    finally:
        ended.set()
        thread.join()
