"""Each signal about sessions and space, by the real condition on a real server."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from pgtide.backfill.throttle.opened import valve_of
from pgtide.model.throttle import HoldWhile
from pgtide.postgres.embedded import Server
from tests.alongside import alongside
from tests.small_disk import fill_up, small_disk
from tests.small_table import run as act
from tests.throttling import NOTHING, quick, ready, session, small, wait_for, watched


@pytest.fixture
def url(database: str) -> str:
    return small(database)


@contextmanager
def waiting(url: str, statement: str) -> Iterator[None]:
    """Run a statement that waits for a lock in a thread; it is cancelled at the end."""
    with (
        psycopg.connect(url, application_name="shop") as connection,
        alongside(connection, statement),
    ):
        yield


def test_an_old_transaction_holds_and_is_named(url: str) -> None:
    with watched(url, replace(NOTHING, horizon="300ms")) as seen:
        with session(url, "BEGIN ISOLATION LEVEL REPEATABLE READ", "TABLE public.t") as old:
            held = seen.holds("horizon")
            assert (
                f"pid {old.info.backend_pid} (postgres, shop, idle in transaction)" in held.reason
            )
            assert "has kept dead rows alive for" in held.reason
            assert "limit 0.3 s" in held.reason
            assert held.value is not None
            assert held.value > 0.3 == held.limit
        seen.goes_on()


def test_a_prepared_transaction_holds_and_is_named(url: str) -> None:
    with watched(url, replace(NOTHING, horizon="300ms")) as seen:
        with session(url, "BEGIN", "UPDATE public.t SET a = a", "PREPARE TRANSACTION 'of shop'"):
            assert "prepared transaction 'of shop' (postgres)" in seen.holds("horizon").reason
        act(url, "ROLLBACK PREPARED 'of shop'")
        seen.goes_on()


def test_a_session_that_waits_for_the_table_holds(url: str) -> None:
    with watched(url, replace(NOTHING, lock_waiters=0)) as seen:
        with session(url, "BEGIN", "TABLE public.t"), waiting(url, "LOCK TABLE public.t"):
            held = seen.holds("lock_waiters")
            assert held.reason.startswith("1 session waits for a lock on public.t, pid ")
            assert "(shop) for 1" in held.reason
            assert (held.value, held.limit) == (1.0, 0.0)
        seen.goes_on()


def test_a_session_that_waits_for_a_batch_of_ours_holds(url: str) -> None:
    with watched(url, replace(NOTHING, lock_waiters=0)) as seen:
        # A batch that does not end.
        seen.run.session.execute("BEGIN; UPDATE public.t SET a = a WHERE id = 1")
        with waiting(url, "UPDATE public.t SET a = a WHERE id = 1"):
            assert "1 session waits for a lock on public.t" in seen.holds("lock_waiters").reason
            seen.run.session.execute("ROLLBACK")
            seen.goes_on()


def test_a_session_that_waits_for_somebody_elses_table_does_not_hold(url: str) -> None:
    act(url, "CREATE TABLE public.other (id int)")
    both = replace(NOTHING, lock_waiters=0, hold_while=(HoldWhile(WAITS, name="waits"),))
    with (
        watched(url, both) as seen,
        session(url, "BEGIN", "TABLE public.other"),
        waiting(url, "LOCK TABLE public.other"),
    ):
        seen.holds("waits")
        assert seen.valve.held() == "waits says true"


# The same span as the signal's own.
WAITS = "SELECT count(*) > 0 FROM pg_locks WHERE waitstart < clock_timestamp() - interval '1 s'"


def test_many_connections_hold(url: str) -> None:
    with watched(url, replace(NOTHING, connections=0.25)) as seen:
        with ExitStack() as crowd:
            for _ in range(25):
                crowd.enter_context(session(url))
            held = seen.holds("connections")
            assert " of 97 connections are taken (" in held.reason
            assert held.reason.endswith("%), limit 25%")
            assert held.value is not None
            assert held.value > 0.25 == held.limit
        seen.goes_on()


def test_many_sessions_at_work_hold(url: str) -> None:
    with watched(url, replace(NOTHING, active_sessions=1)) as seen:
        with session(url, "BEGIN"), session(url, "BEGIN"), session(url):
            # The third is at work while it connects.
            held = seen.holds("active_sessions", "2 sessions are at work, limit 1")
            assert (held.value, held.limit) == (2.0, 1.0)
        seen.goes_on()


def test_growth_of_the_database_holds_until_it_is_given_back(url: str) -> None:
    with watched(url, replace(NOTHING, disk_limit="2MB")) as seen:
        act(url, "CREATE TABLE public.fat AS SELECT repeat('x', 500) FROM generate_series(1, 8000)")
        held = seen.holds("disk_limit", "the database has grown by 4.")
        assert held.reason.endswith(" MB, limit 2 MB")
        act(url, "DROP TABLE public.fat")
        seen.goes_on()


def test_growth_counts_from_the_attempts_first_run_on(url: str) -> None:
    with watched(url, replace(NOTHING, disk_limit="2MB")):
        act(url, "CREATE TABLE public.fat AS SELECT repeat('x', 500) FROM generate_series(1, 8000)")
    with watched(url, replace(NOTHING, disk_limit="2MB")) as again:
        assert again.holds("disk_limit").limit == 2 * 1024**2


def test_too_little_space_left_holds_where_it_can_be_known(url: str) -> None:
    with watched(url, replace(NOTHING, disk_free="100000TB")) as seen:
        held = seen.holds("disk_free")
        assert held.reason.endswith(", at least 100000 TB wanted")
        assert " of disk are left for its " in held.reason


@pytest.mark.parametrize("what", ["TABLE public.t", "INDEX public.t_pkey"])
def test_too_little_space_in_a_tablespace_holds_until_there_is_more(
    server: Server, url: str, what: str
) -> None:
    with small_disk(server.data_dir.with_name("small-disk"), "64m") as disk:
        # A tablespace has to belong to the server's user.
        os.chown(disk, server.data_dir.stat().st_uid, server.data_dir.stat().st_gid)
        act(url, f"CREATE TABLESPACE small LOCATION '{disk}'", f"ALTER {what} SET TABLESPACE small")
        try:
            with watched(url, replace(NOTHING, disk_free="48MB")) as seen:
                filler = fill_up(disk, leave=16 * 2**20)
                held = seen.holds("disk_free", "16 MB of disk are left for the tablespace")
                assert held.reason.endswith(f" at {disk}, at least 48 MB wanted")
                filler.unlink()
                seen.goes_on()
        finally:
            act(url, f"ALTER {what} SET TABLESPACE pg_default", "DROP TABLESPACE small")


def test_a_query_of_the_authors_holds_while_it_says_true(url: str) -> None:
    act(url, "CREATE TABLE public.gate (shut bool)", "INSERT INTO public.gate VALUES (true)")
    asked = HoldWhile("SELECT bool_or(shut) FROM gate -- 100%", name="gate")
    with watched(url, replace(NOTHING, hold_while=(asked,))) as seen:
        held = seen.holds("gate")
        assert (held.reason, held.value, held.limit) == ("gate says true", None, None)
        act(url, "UPDATE public.gate SET shut = false")
        seen.goes_on()


def test_a_query_of_the_authors_holds_above_its_number(url: str) -> None:
    act(url, "CREATE TABLE public.job (id int)", "INSERT INTO public.job VALUES (1), (2), (3)")
    asked = HoldWhile("SELECT count(*) FROM job", above=2)
    with watched(url, replace(NOTHING, hold_while=(asked,))) as seen:
        held = seen.holds("query 1")
        assert (held.reason, held.value, held.limit) == ("query 1 says 3, limit 2", 3.0, 2.0)
        act(url, "DELETE FROM public.job")
        seen.goes_on()


def test_a_query_of_the_authors_may_only_read(url: str) -> None:
    settings = replace(quick(url), throttle_patience=timedelta(milliseconds=300))
    asked = HoldWhile("WITH gone AS (DELETE FROM t RETURNING a) SELECT count(*) > 0 FROM gone")
    with watched(url, replace(NOTHING, hold_while=(asked,)), settings) as seen:
        assert "read-only transaction" in seen.holds("query 1").reason
    assert act(url, "SELECT count(*) FROM public.t") == [(500,)]


def test_a_signal_that_cannot_be_read_holds_and_goes_on_once_it_can(url: str) -> None:
    settings = replace(quick(url), throttle_patience=timedelta(milliseconds=500))
    asked = HoldWhile("SELECT count(*) FROM backlog", above=5)
    with watched(url, replace(NOTHING, hold_while=(asked,)), settings) as seen:
        assert seen.valve.held() is None
        held = seen.holds("query 1")
        assert held.reason.startswith("it cannot be read for 0.")
        assert 'relation "backlog" does not exist' in held.reason
        assert held.limit == 0.5
        act(url, "CREATE TABLE public.backlog (id int)")
        seen.goes_on()


def test_a_server_that_does_not_answer_holds(url: str) -> None:
    settings = replace(quick(url), throttle_patience=timedelta(milliseconds=600))
    with watched(url, replace(NOTHING, disk_limit="1TB"), settings) as seen:
        with session(url, "BEGIN", "LOCK TABLE pgtide.throttle"):
            wait_for(lambda: seen.valve.held() is not None, "the hold")
            assert "for 0." in str(seen.valve.held())
        seen.goes_on()


def test_who_asks_first_waits_for_the_first_look(url: str) -> None:
    slow = HoldWhile("SELECT pg_sleep(0.1) IS NOT NULL", name="slow")
    with ready(url) as run, valve_of(run, replace(NOTHING, hold_while=(slow,))) as valve:
        assert valve.held() == "slow says true"


def test_a_first_look_that_does_not_end_holds(url: str) -> None:
    settings = replace(quick(url), throttle_patience=timedelta(milliseconds=600))
    with (
        ready(url, settings) as run,
        # Each session of a run's is written down there.
        session(url, "BEGIN", "LOCK TABLE pgtide.backend") as lock,
        valve_of(run, replace(NOTHING, connections=1.0)) as valve,
    ):
        assert str(valve.held()).startswith("no look at the signals has ended for 0.")
        lock.execute("ROLLBACK")
        wait_for(lambda: valve.held() is None, "the backfill to go on")


def test_a_server_that_lets_the_throttle_in_no_more_holds_until_it_does(
    url: str, server: Server
) -> None:
    settings = replace(quick(url), throttle_patience=timedelta(milliseconds=400))
    database = url.rpartition("/")[2]
    with watched(url, replace(NOTHING, connections=1.0), settings) as seen:
        act(
            server.url,
            f"ALTER DATABASE {database} ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{database}' AND application_name LIKE 'pgtide throttle %'",
        )
        said = wait_for(seen.valve.held, "the hold")
        assert str(said).startswith("it cannot be read for 0.")
        act(server.url, f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
        seen.goes_on()


def test_what_the_settings_switch_off_is_not_watched(url: str) -> None:
    settings = replace(quick(url), throttle_off=frozenset({"query 1"}))
    with watched(url, replace(NOTHING, hold_while=(HoldWhile("SELECT true"),)), settings) as seen:
        assert seen.valve.held() is None
