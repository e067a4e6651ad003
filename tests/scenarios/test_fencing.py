"""Only one run writes: a second is refused, one that slept and was taken over writes no more."""

import signal
import socket
from dataclasses import replace

import psycopg
import pytest

from pgtide.errors import Refused
from pgtide.model.state import Phase
from tests.driving import migrate, plan_of, record_of
from tests.scenarios.backends import SLOW_ROW, everything, execute, wait_for_backend
from tests.scenarios.child import Child, carried_out, started
from tests.scenarios.killed import Order
from tests.scenarios.ledger_truth import disagreements
from tests.users import MIGRATION_ID, create_users, email_migration

# A worker that says nothing for so long is taken over.
LEASE_MS = 600.0


@pytest.fixture
def table(database: str) -> str:
    create_users(database, rows=10_000)
    return database


def order_for(url: str) -> Order:
    return Order(url=url, lease_ms=LEASE_MS, heartbeat_ms=100)


def taken_over(table: str, sleeper: Child) -> None:
    """Let a second process end the work, wake the first, and see that it writes nothing."""
    second = carried_out(replace(order_for(table), actor="second"))
    assert second.code == 0, str(second)
    assert record_of(table, MIGRATION_ID).state == "verified"
    assert disagreements(table) == []
    before = everything(table)
    sleeper.signal(signal.SIGCONT)
    ended = sleeper.finish()
    assert (ended.code, ended.error) == (1, "Fenced"), str(ended)
    assert everything(table) == before


def test_a_worker_that_slept_between_batches_writes_nothing_after_it_was_taken_over(
    table: str,
) -> None:
    order = replace(order_for(table), at="BatchCommitted", nth=5, signal=signal.SIGSTOP)
    with started(order) as sleeper:
        sleeper.wait_until_stopped()
        taken_over(table, sleeper)


def test_a_worker_that_slept_inside_a_batch_is_ended_and_writes_nothing_after(table: str) -> None:
    execute(table, SLOW_ROW)
    with started(order_for(table)) as sleeper:
        wait_for_backend(table, "pgtide worker%", event="PgSleep")
        sleeper.signal(signal.SIGSTOP)
        taken_over(table, sleeper)


def test_a_worker_that_slept_in_a_step_of_its_own_transaction_is_taken_over(table: str) -> None:
    at = "StatementEnded:expand.shape:0"
    with started(replace(order_for(table), at=at, signal=signal.SIGSTOP)) as sleeper:
        sleeper.wait_until_stopped()
        taken_over(table, sleeper)


def test_the_token_alone_stops_a_worker_whose_server_process_nobody_ended(table: str) -> None:
    order = replace(order_for(table), heartbeat_ms=3_600_000)
    stopping = replace(order, at="BatchCommitted", nth=5, signal=signal.SIGSTOP)
    with started(stopping) as sleeper:
        sleeper.wait_until_stopped()
        execute(table, "DELETE FROM pgtide.backend WHERE purpose LIKE 'worker %'")
        # It takes over and dies at once: no slice has moved, only the token has.
        assert carried_out(replace(order, at="RunBegan")).code == -9
        wait_for_backend(table, "pgtide worker 1")
        before = everything(table)
        sleeper.signal(signal.SIGCONT)
        ended = sleeper.finish()
    assert (ended.code, ended.error) == (1, "Fenced"), str(ended)
    assert ended.labels.count("BatchCommitted") == 5
    assert everything(table) == before


@pytest.mark.parametrize(
    ("fence", "written"),
    [
        ("SELECT FROM slice WHERE token = 1", 1),
        ("UPDATE slice SET cursor = 1 WHERE token = 1", 0),
    ],
    ids=["a plain SELECT of the token is none", "an UPDATE that carries the token"],
)
def test_a_fence(database: str, fence: str, written: int) -> None:
    """The negative control: a worker that was taken over right after it looked does write."""
    execute(
        database,
        "CREATE TABLE slice (token int, cursor int); INSERT INTO slice VALUES (1, 0);"
        "CREATE TABLE t (v int); INSERT INTO t VALUES (0)",
    )
    with (
        psycopg.connect(database) as worker,
        psycopg.connect(database, autocommit=True) as taker,
        psycopg.connect(database, autocommit=True) as terminator,
    ):
        assert worker.execute(fence.encode()).rowcount == 1
        taker.execute("SET lock_timeout = '200ms'")
        try:
            taker.execute("UPDATE slice SET token = 2")
        except psycopg.errors.LockNotAvailable:
            # The fence is held: the taker ends the worker's server process, then it may go on.
            terminator.execute(f"SELECT pg_terminate_backend({worker.info.backend_pid}, 5000)")
            taker.execute("UPDATE slice SET token = 2")
        try:
            worker.execute("UPDATE t SET v = 1")
            worker.commit()
        except psycopg.OperationalError:
            worker.close()
        assert taker.execute("SELECT v FROM t").fetchone() == (written,)


def test_a_second_operator_is_refused_and_told_who_holds_the_table(table: str) -> None:
    with started(replace(order_for(table), actor="first", pause_ms=400)) as first:
        first.wait_for("BatchCommitted", 3)
        second = carried_out(replace(order_for(table), actor="second"))
        assert (second.code, second.error) == (2, "Busy"), str(second)
        for part in ("first", socket.gethostname(), str(first.pid), MIGRATION_ID):
            assert part in second.message
        assert first.runs(), "the first had ended by itself"
        first.signal(signal.SIGTERM)
        assert first.finish().code == 130


def test_a_second_migration_of_an_unfinished_table_is_refused_and_the_first_is_named(
    table: str,
) -> None:
    migrate(table, email_migration(), until=Phase.EXPAND)
    before = everything(table)
    other = email_migration("20260101_120000_another", version="2.1.1")
    with pytest.raises(Refused, match=MIGRATION_ID):
        plan_of(table, other)
    with pytest.raises(Refused, match=MIGRATION_ID):
        migrate(table, other)
    assert everything(table) == before
