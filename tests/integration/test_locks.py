"""Others hold the table or its rows: bounded tries, blockers named, and nobody queues for long.

An application's probe measures its own stalls. Its budget is one try's wait, and what the machine
does by itself, measured first.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
import pytest

from pgtide.errors import LockNotAcquired
from pgtide.events import BatchRetried, Event, LockWaited, StepEnded
from pgtide.ledger.audit import history
from pgtide.model.state import Phase, State
from pgtide.postgres.session import connect
from tests.driving import migrate, record_of, settings_for
from tests.prober import noise, probing
from tests.reader import READER, reading
from tests.roles import temporary_role
from tests.users import MIGRATION_ID, create_users, email_migration

PROBE = (
    "SELECT email_verified FROM public.users WHERE id = 3",
    "UPDATE public.users SET name = name WHERE id = 3",
)
# Locks a row that a batch writes before it meets the writer's; an UPDATE would fill it first.
ROW_PROBE = "SELECT id FROM public.users WHERE id = 6 FOR UPDATE"
# What a waiter needs beside the wait itself: to be woken, to run, to be scheduled.
SLACK = 0.15
# Over the server's default deadlock_timeout of one second.
LONG_RUNG = 1.2


def waits(events: list[Event]) -> list[LockWaited]:
    return [event for event in events if isinstance(event, LockWaited)]


def test_a_reader_of_five_seconds_is_waited_for_in_short_tries(database: str) -> None:
    create_users(database, rows=2000)
    quiet = noise(database, *PROBE, seconds=1.0)
    wait = settings_for(database).lock_wait
    events: list[Event] = []
    with probing(database, *PROBE) as stalls, reading(database, seconds=5.0):
        begun = time.monotonic()
        record = migrate(database, email_migration(), until=Phase.EXPAND, emit=events.append)
        took = time.monotonic() - begun
    assert record.state is State.EXPANDED
    assert took >= 4.5, "the reader was not in the way: the test shows nothing"
    assert waits(events)
    assert len(waits(events)) < settings_for(database).lock_tries
    assert stalls.failures == []
    assert stalls.longest <= wait.total_seconds() + quiet + SLACK
    [ended] = [event for event in events if isinstance(event, StepEnded)]
    assert ended.tries == len(waits(events)) + 1


def test_the_blockers_are_named_with_all_that_it_takes_to_find_them(database: str) -> None:
    create_users(database, rows=100)
    events: list[Event] = []
    with reading(database) as ended:

        def emit(event: Event) -> None:
            events.append(event)
            if len(waits(events)) == 2:
                ended.set()

        migrate(database, email_migration(), until=Phase.EXPAND, emit=emit)
    named = waits(events)[0].blockers
    assert any(f"(postgres, {READER}, " in one for one in named), named
    assert any(one.startswith("pid ") and "SELECT count(*) FROM" in one for one in named)
    with connect(database, purpose="test") as session:
        kept = [entry for entry in history(session) if entry.kind == "lock_waited"]
    assert len(kept) == len(waits(events))
    assert READER in str(kept[0].detail["blockers"])


def test_after_its_last_try_it_gives_up_and_goes_on_another_day(database: str) -> None:
    create_users(database, rows=100)
    hurried = replace(settings_for(database), lock_tries=3, lock_wait=timedelta(milliseconds=50))
    events: list[Event] = []
    with reading(database), pytest.raises(LockNotAcquired) as caught:
        migrate(database, email_migration(), emit=events.append, settings=hurried)
    assert len(waits(events)) == 3
    assert "after 3 tries" in caught.value.what
    assert READER in caught.value.what
    record = record_of(database, MIGRATION_ID)
    assert (record.state, record.resume_to) == (State.FAILED, State.EXPANDING)
    assert READER in str(record.last_error)
    with psycopg.connect(database) as connection:
        left = connection.execute(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.users'::regclass)"
            " + (SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.users'::regclass"
            "     AND attname = 'verified_at')"
        ).fetchone()
    assert left == (0,)
    assert migrate(database, email_migration()).state is State.VERIFIED


def test_rows_that_a_writer_holds_are_waited_for_without_holding_others(database: str) -> None:
    """A batch that meets a locked row lets go of its own rows before it tries again."""
    create_users(database, rows=4000)
    quiet = noise(database, ROW_PROBE, seconds=1.0)
    migrate(database, email_migration(), until=Phase.EXPAND)
    events: list[Event] = []
    released = threading.Event()
    with psycopg.connect(database) as writer, probing(database, ROW_PROBE) as stalls:
        writer.execute("UPDATE public.users SET email_verified = true WHERE id = 9")

        def release(event: Event) -> None:
            events.append(event)
            if isinstance(event, BatchRetried) and event.attempt == 3:
                writer.commit()
                released.set()

        record = migrate(database, email_migration(), emit=release)
        row = writer.execute(
            "SELECT email_verified, email_verified_v2 FROM public.users WHERE id = 9"
        ).fetchone()
    assert released.is_set(), "no batch met the writer's row: the test shows nothing"
    assert record.state is State.VERIFIED
    assert row == (True, True)
    assert stalls.failures == []
    # 100 ms is what a batch waits for a row while it keeps its own.
    assert stalls.longest <= 0.1 + quiet + SLACK


@dataclass(slots=True)
class Autovacuum:
    """An autovacuum worker at work on the table, made slow by its cost delay."""

    pid: int


@contextmanager
def autovacuuming(url: str) -> Iterator[Autovacuum]:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "ALTER TABLE public.users SET (autovacuum_vacuum_cost_delay = 100,"
            " autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 0,"
            " autovacuum_vacuum_scale_factor = 0)"
        )
        admin.execute("DELETE FROM public.users WHERE id % 2 = 0")
        admin.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            yield Autovacuum(pid=_worker(admin))
        finally:
            admin.execute("ALTER SYSTEM RESET autovacuum_naptime")
            admin.execute("SELECT pg_reload_conf()")


def _worker(admin: psycopg.Connection) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        row = admin.execute(
            "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.relation = 'public.users'::regclass AND l.granted"
            " AND a.backend_type = 'autovacuum worker' AND a.datname = current_database()"
        ).fetchone()
        if row:
            return int(row[0])
        time.sleep(0.1)
    raise AssertionError("no autovacuum came: the test shows nothing")


def test_an_autovacuum_steps_aside_within_one_try(database: str) -> None:
    create_users(database, rows=20_000)
    quiet = noise(database, *PROBE, seconds=1.0)
    events: list[Event] = []
    with autovacuuming(database) as worker, probing(database, *PROBE) as stalls:
        migrate(database, email_migration(), until=Phase.EXPAND, emit=events.append)
        assert not holds(database, worker)
    assert waits(events) == []
    assert stalls.failures == []
    assert stalls.longest <= settings_for(database).lock_wait.total_seconds() + quiet + SLACK


@pytest.mark.untouched
def test_an_owner_without_privileges_waits_longer_once_until_autovacuum_steps_aside(
    database: str,
) -> None:
    """It may neither shorten deadlock_timeout nor end the worker, nor see what kind it is."""
    create_users(database, rows=20_000)
    quiet = noise(database, *PROBE, seconds=1.0)
    events: list[Event] = []
    with (
        temporary_role(database) as (role, address),
        psycopg.connect(database, autocommit=True) as admin,
    ):
        for grant in ("DATABASE " + admin.info.dbname, "SCHEMA public"):
            admin.execute(f"GRANT ALL ON {grant} TO {role}".encode())
        admin.execute(f"ALTER TABLE public.users OWNER TO {role}".encode())
        with autovacuuming(database), probing(database, *PROBE) as stalls:
            migrate(address, email_migration(), until=Phase.EXPAND, emit=events.append)
    assert 1 <= len(waits(events)) <= 2
    assert "autovacuum" in str(waits(events)[0].blockers)
    assert stalls.failures == []
    assert stalls.longest <= LONG_RUNG + quiet + SLACK


def holds(url: str, worker: Autovacuum) -> bool:
    with psycopg.connect(url) as session:
        query = "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND pid = %s"
        row = session.execute(query, (worker.pid,)).fetchone()
    return bool(row and row[0])
