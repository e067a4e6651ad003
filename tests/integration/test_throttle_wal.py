"""Each signal about WAL and vacuum, by the real condition on a real server."""

import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from pgtide.postgres.embedded import Server
from tests.alongside import alongside
from tests.server import FAST, fresh_database, running_server
from tests.small_table import run as act
from tests.throttling import NOTHING, Watched, session, small, wait_for, watched

# A page of a vacuum takes a tenth of a second.
SLOW_VACUUM = "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
LOG_A_MEGABYTE = "SELECT pg_logical_emit_message(false, 'test', repeat('x', 1024 * 1024))"


@pytest.fixture(scope="module")
def archiving() -> Iterator[Server]:
    """A server that archives, has logical slots, and vacuums without rest."""
    settings = {
        **FAST,
        "archive_mode": "on",
        "wal_level": "logical",
        "autovacuum_naptime": "1s",
    }
    with running_server(settings) as running:
        archive_by(running.url, "/bin/true")
        yield running


@pytest.fixture
def url(archiving: Server) -> Iterator[str]:
    with fresh_database(archiving) as address:
        yield small(address)


def archive_by(url: str, command: str) -> None:
    """Archive from now on by a command, and have something to archive."""
    act(url, f"ALTER SYSTEM SET archive_command = '{command}'", "SELECT pg_reload_conf()")
    # The archiver rereads its settings before it looks for the next file.
    time.sleep(0.1)
    act(url, LOG_A_MEGABYTE, "SELECT pg_switch_wal()")


def test_much_wal_a_second_holds_until_it_is_less(url: str) -> None:
    with watched(url, replace(NOTHING, wal_rate="1MB")) as seen:
        act(url, LOG_A_MEGABYTE, LOG_A_MEGABYTE)
        held = seen.holds("wal_rate")
        assert held.reason.endswith("B of WAL a second are written, limit 1 MB")
        assert held.value is not None
        assert held.value > 1024**2 == held.limit
        seen.goes_on()


def test_an_archive_that_fails_holds_until_it_succeeds(url: str) -> None:
    with watched(url, replace(NOTHING, archive_ready=1000)) as seen:
        try:
            archive_by(url, "/bin/false")
            held = seen.holds("archiver")
            assert held.reason.startswith("the archive fails on 0000000100000")
            assert ", no success for " in held.reason
        finally:
            archive_by(url, "/bin/true")
        seen.goes_on()


def test_files_that_wait_for_the_archive_hold_until_they_are_few(url: str) -> None:
    # Turned off, nothing fails, and WAL piles up all the same.
    with watched(url, replace(NOTHING, archive_ready=1)) as seen:
        try:
            for _ in range(3):
                archive_by(url, "")
            held = seen.holds("archive_ready")
            assert held.reason == f"{held.value:g} WAL files wait for the archive, limit 1"
            assert held.value is not None
            assert held.value > 1 == held.limit
        finally:
            archive_by(url, "/bin/true")
        seen.goes_on()


def test_a_slot_that_nobody_reads_holds_until_it_is_dropped(url: str) -> None:
    with watched(url, replace(NOTHING, slot_bytes="1MB")) as seen:
        act(url, "SELECT pg_create_physical_replication_slot('cdc', true)")
        try:
            act(url, LOG_A_MEGABYTE, LOG_A_MEGABYTE)
            held = seen.holds("slot_bytes")
            assert held.reason.startswith("unread slot cdc keeps ")
            assert held.reason.endswith(" MB of WAL, limit 1 MB")
            assert held.limit == 1024**2
        finally:
            act(url, "SELECT pg_drop_replication_slot('cdc')")
        seen.goes_on()


def test_a_slot_that_may_lose_its_wal_holds_before_it_does_and_while_it_does(url: str) -> None:
    act(url, "ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'", "SELECT pg_reload_conf()")
    act(url, "CHECKPOINT", "SELECT pg_create_physical_replication_slot('cdc', true)")
    try:
        with watched(url, replace(NOTHING, slot_bytes="1GB")) as seen:
            wait_for(lambda: written_until_held(url, seen), "the slot to be near its end")
            held = seen.holds("slot_bytes", " more and it loses them")
            assert " MB of WAL, limit " in held.reason
            assert held.limit is not None
            assert held.limit < 80 * 1024**2
            for _ in range(2):
                written_until_held(url, seen)
            assert seen.holds("slot_bytes", "unread slot cdc is unreserved").limit == 1024**3
            act(url, "SELECT pg_drop_replication_slot('cdc')")
            seen.goes_on()
    finally:
        act(url, "ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")


def written_until_held(url: str, seen: Watched) -> bool:
    """Write a WAL file of 16 MB, as far as its number goes, and tell whether that is enough."""
    act(url, LOG_A_MEGABYTE, "SELECT pg_switch_wal()")
    # Three looks.
    time.sleep(0.15)
    return seen.valve.held() is not None


def grow(url: str) -> None:
    """Give the table a hundred pages."""
    act(url, "INSERT INTO public.t SELECT g, g FROM generate_series(501, 20000) g")


def test_a_long_vacuum_of_the_table_holds_until_it_ends(url: str) -> None:
    grow(url)
    with watched(url, replace(NOTHING, vacuum="100ms")) as seen, psycopg.connect(url) as admin:
        admin.autocommit = True
        admin.execute("SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1")
        with alongside(admin, "VACUUM public.t"):
            held = seen.holds("vacuum")
            pid = admin.info.backend_pid
            assert held.reason.startswith(f"a vacuum of public.t (pid {pid}) has run for ")
            assert held.reason.endswith(" s, limit 0.1 s")
        seen.goes_on()


def test_an_autovacuum_of_the_table_holds_until_it_ends(url: str) -> None:
    with watched(url, replace(NOTHING, vacuum="100ms")) as seen:
        act(
            url,
            f"ALTER TABLE public.t SET ({SLOW_VACUUM}, autovacuum_vacuum_insert_threshold = 100)",
        )
        grow(url)
        assert seen.holds("vacuum").reason.startswith("a vacuum of public.t (pid ")
        stop_vacuum(url, "autovacuum_enabled = off")
        seen.goes_on()


def test_a_vacuum_against_wraparound_holds_at_once_though_vacuums_are_switched_off(
    url: str,
) -> None:
    # An ordinary one would make the table young again.
    off = f"{SLOW_VACUUM}, autovacuum_freeze_max_age = 100000, autovacuum_enabled = off"
    act(url, f"ALTER TABLE public.t SET ({off})")
    grow(url)
    with watched(url, NOTHING) as seen:
        act(url, "CREATE TABLE public.xids (id int)", BURN)
        held = seen.holds("vacuum")
        assert held.reason.startswith("a vacuum to prevent wraparound of public.t (pid ")
        stop_vacuum(url, "autovacuum_vacuum_cost_delay = 0")
        seen.goes_on()


# A number for each subtransaction, as many as make the table old.
BURN = """DO $$ BEGIN FOR i IN 1..100100 LOOP
    BEGIN INSERT INTO public.xids VALUES (i); EXCEPTION WHEN division_by_zero THEN END;
END LOOP; END $$"""
CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_vacuum WHERE relid = 't'::regclass"


def stop_vacuum(url: str, setting: str) -> None:
    """Cancel the vacuum of the table, and let the next one be another."""
    with session(url, "SET lock_timeout = '50ms'") as admin:

        def stopped() -> bool:
            admin.execute(CANCEL)
            try:
                admin.execute(f"ALTER TABLE public.t SET ({setting})".encode())
            except psycopg.errors.LockNotAvailable:
                return False
            return True

        wait_for(stopped, "the vacuum to end")
