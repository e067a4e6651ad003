"""A strong lock on a partitioned table waits once, not once for each partition."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread

import psycopg

from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import LockNotAcquired
from pgtide.model.table import TableName
from pgtide.postgres.catalog import read_relation
from pgtide.postgres.locks import LockPolicy, patiently
from pgtide.postgres.session import Session, connect
from pgtide.postgres.tree_lock import lock_tree
from tests.parted import create_orders
from tests.small_table import run

PARTS = 8
WAIT = 0.15
HELD = 0.08  # seconds a part is held after the one before it: less than one wait, if late too
TABLE = TableName(schema="public", name="orders")


def create_many(url: str) -> None:
    create_orders(url, rows=500)
    for number in range(PARTS):
        run(
            url,
            f"CREATE TABLE public.part{number} PARTITION OF public.orders"
            f" FOR VALUES FROM ({10 + number}) TO ({11 + number})",
        )


@contextmanager
def letting_go_one_by_one(url: str) -> Iterator[None]:
    """Hold every partition by itself, and let go of one after the other."""
    with held(url) as sessions:

        def let_go() -> None:
            for session in sessions:
                time.sleep(HELD)
                session.rollback()

        thread = Thread(target=let_go)
        thread.start()
        yield
        thread.join()


@contextmanager
def held(url: str) -> Iterator[list[psycopg.Connection]]:
    sessions = [psycopg.connect(url) for _ in range(PARTS)]
    try:
        for number, session in enumerate(sessions):
            session.execute(f"SELECT FROM public.part{number}".encode())
        yield sessions
    finally:
        for session in sessions:
            session.close()


@contextmanager
def probed(url: str) -> Iterator[list[float]]:
    """Read the table all the time; yield how long each read took."""
    waits: list[float] = []
    stop = Event()

    def read() -> None:
        with psycopg.connect(url, autocommit=True) as session:
            while not stop.wait(0.002):
                begun = time.monotonic()
                session.execute("SELECT FROM public.orders WHERE day = 1 LIMIT 1")
                waits.append(time.monotonic() - begun)

    thread = Thread(target=read)
    thread.start()
    try:
        yield waits
    finally:
        stop.set()
        thread.join()


def in_turn(session: Session) -> None:
    """Lock as the server does by itself: the table, then part by part, each with a wait."""
    session.execute("LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE")


def as_one(session: Session) -> None:
    lock_tree(session, TABLE)


def longest(url: str, lock: Callable[[Session], None]) -> float:
    """Return how long the application waited at most while one try at a lock was made."""
    policy = LockPolicy(wait=timedelta(seconds=WAIT), tries=1)
    with connect(url, purpose="test") as session:
        found = read_relation(session, TABLE)
        assert found is not None
        with probed(url) as waits, letting_go_one_by_one(url), suppress(LockNotAcquired):
            patiently(
                session,
                found.oid,
                lock,
                policy=policy,
                clock=SYSTEM_CLOCK,
                on_wait=lambda _attempt: None,
            )
    return max(waits)


def test_all_partitions_share_one_wait(database: str) -> None:
    create_many(database)

    # The control: a lock_timeout for each partition, one after the other.
    assert longest(database, in_turn) > 3 * WAIT
    assert longest(database, as_one) < 3 * WAIT
