"""Who keeps old row versions alive is named where the walk follows from it, however young."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from pgtide.model.state import Phase
from pgtide.postgres.activity import horizon
from pgtide.postgres.session import connect
from tests.driving import migrate
from tests.nights import kinds
from tests.small_table import create_small, run
from tests.throttling import session, wait_for
from tests.users import create_users, email_migration


@pytest.fixture
def small(database: str) -> str:
    create_small(database)
    return database


def test_an_idle_transaction_of_a_moment_is_named_in_the_audit(database: str) -> None:
    create_users(database, rows=90_000)
    with psycopg.connect(database, application_name="lunch") as idle:
        idle.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        idle.execute("SELECT 1")
        assert migrate(database, email_migration(), until=Phase.BACKFILL).state == "backfilled"
        pid = idle.info.backend_pid
    (cut,) = kinds(database, "slices_cut")
    assert f"pid {pid} (postgres, lunch, " in cut["why"]
    assert "has kept old row versions alive for" in cut["why"]


def test_a_prepared_transaction_keeps_the_horizon_as_well_and_the_oldest_one_is_named(
    small: str,
) -> None:
    with ExitStack() as ending:
        with session(small, "BEGIN", "UPDATE public.t SET a = a", "PREPARE TRANSACTION 'of shop'"):
            ending.callback(run, small, "ROLLBACK PREPARED 'of shop'")
        ending.enter_context(
            session(small, "BEGIN ISOLATION LEVEL REPEATABLE READ", "TABLE public.t")
        )
        oldest = horizon(ending.enter_context(connect(small, purpose="test")))
    assert oldest is not None
    assert oldest.abroad.startswith("prepared transaction 'of shop' (postgres, ")
    assert (oldest.seconds or 0.0) > 0


def test_workers_of_ones_own_do_not_count_and_others_do(small: str) -> None:
    with (
        psycopg.connect(small, application_name="pgtide worker 7.2") as own,
        connect(small, purpose="test") as looking,
    ):
        own.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        own.execute("SELECT 1")
        assert horizon(looking, own="pgtide worker 7.") is None
        for others in ("", "pgtide worker 77."):
            oldest = horizon(looking, own=others)
            assert oldest is not None
            assert oldest.pid == own.info.backend_pid


@contextmanager
def vacuumed(url: str) -> Iterator[None]:
    """Vacuum a table as slowly as can be; the block begins once that shows a snapshot."""
    run(url, "INSERT INTO public.t SELECT i, i FROM generate_series(1000, 200000) i")
    with (
        psycopg.connect(url, autocommit=True) as slow,
        psycopg.connect(url, autocommit=True) as watch,
        ThreadPoolExecutor(1) as pool,
    ):
        slow.execute("SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1")
        pid = slow.info.backend_pid
        ended = pool.submit(slow.execute, "VACUUM public.t")
        seen = (
            "SELECT 1 FROM pg_stat_activity a JOIN pg_stat_progress_vacuum USING (pid)"
            " WHERE pid = %s AND a.backend_xmin IS NOT NULL"
        )
        try:
            wait_for(lambda: watch.execute(seen, [pid]).fetchone(), "the vacuum's snapshot")
            yield
        finally:
            slow.cancel_safe(timeout=5)
            with pytest.raises(psycopg.errors.QueryCanceled):
                ended.result()


def test_a_vacuum_keeps_no_row_version_alive(small: str) -> None:
    with vacuumed(small), connect(small, purpose="test") as looking:
        assert horizon(looking) is None
