"""A signal ends a run at its checkpoint; a full disk fails it; both go on later."""

import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from pgtide.postgres.embedded import Server, ServerOptions, temporary_server
from tests.driving import record_of
from tests.scenarios.backends import execute, transaction_open
from tests.scenarios.child import carried_out, started
from tests.scenarios.killed import Order
from tests.scenarios.lab import witnessed
from tests.scenarios.ledger_truth import begun, disagreements, places, repeated
from tests.server import FAST, fresh_database, name_of, running_server
from tests.small_disk import fill_up, small_disk
from tests.table_state import table_state
from tests.users import MIGRATION_ID, create_users

_BUILD = "StatementBegan:finalize.index._pgtide_7890009b_3_idx_users_email_verified:0"
_UNBUILD = "StatementBegan:undo.finalize.index._pgtide_7890009b_3_idx_users_email_verified:0"


@pytest.fixture
def table(database: str) -> str:
    create_users(database, rows=10_000)
    return database


def open_runs(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT outcome FROM pgtide.run WHERE ended_at IS NULL")
        return [row[0] for row in found]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_backfill_at_its_checkpoint(
    server: Server, table: str, number: signal.Signals
) -> None:
    with fresh_database(server, name_of(table)) as healthy, witnessed(server) as witness:
        assert carried_out(Order(url=healthy)).code == 0
        with started(Order(url=table, pause_ms=200)) as worker:
            worker.wait_for("BatchCommitted", 5)
            worker.signal(number)
            ended = worker.finish()
        assert (ended.code, ended.error) == (130, "Interrupted"), str(ended)
        assert record_of(table, MIGRATION_ID).state == "backfilling"
        assert open_runs(table) == []
        assert disagreements(table) == []
        known = places(table)
        assert carried_out(Order(url=table, witness=witness, run="later")).code == 0
        assert repeated(known, begun(witness, "later")) == []
        assert table_state(healthy).differences(table_state(table)) == []


def test_a_signal_ends_an_index_build_that_waits_for_an_old_transaction(table: str) -> None:
    order = Order(url=table, heartbeat_ms=200, at=_BUILD, signal=signal.SIGSTOP)
    with started(order) as worker:
        worker.wait_until_stopped()
        with transaction_open(table):
            worker.signal(signal.SIGTERM)
            worker.signal(signal.SIGCONT)
            ended = worker.finish()
    assert (ended.code, ended.error) == (130, "Interrupted"), str(ended)
    assert record_of(table, MIGRATION_ID).state == "finalizing"
    assert carried_out(Order(url=table)).code == 0
    assert disagreements(table) == []


def test_a_signal_ends_the_way_back_where_it_waits_for_a_reader(table: str) -> None:
    assert carried_out(Order(url=table)).code == 0
    order = Order(url=table, action="down", heartbeat_ms=200, at=_UNBUILD, signal=signal.SIGSTOP)
    with started(order) as worker:
        worker.wait_until_stopped()
        with transaction_open(table):
            worker.signal(signal.SIGTERM)
            worker.signal(signal.SIGCONT)
            ended = worker.finish()
    assert (ended.code, ended.error) == (130, "Interrupted"), str(ended)
    assert record_of(table, MIGRATION_ID).state == "rolling_back"
    assert carried_out(Order(url=table, action="down")).code == 0
    assert record_of(table, MIGRATION_ID).state == "rolled_back"


def test_a_full_disk_fails_the_backfill_with_the_reason_and_it_goes_on_once_there_is_room() -> None:
    with (
        running_server() as server,
        small_disk(server.data_dir.with_name("small-disk"), "16m") as disk,
        fresh_database(server) as url,
    ):
        create_users(url, rows=10_000)
        # A tablespace has to belong to the server's user.
        os.chown(disk, server.data_dir.stat().st_uid, server.data_dir.stat().st_gid)
        execute(url, f"CREATE TABLESPACE small LOCATION '{disk}'")
        execute(url, "ALTER TABLE public.users SET TABLESPACE small")
        filler = fill_up(disk, leave=64 * 1024)
        ended = carried_out(Order(url=url))
        assert (ended.code, "0 MB are free" in ended.message) == (2, True), str(ended)
        ended = carried_out(Order(url=url, reckless=True))
        assert ended.code == 1, str(ended)
        assert "No space left on device" in ended.message
        record = record_of(url, MIGRATION_ID)
        assert (record.state, record.resume_to) == ("failed", "backfilling")
        assert "No space left on device" in (record.last_error or "")
        assert disagreements(url) == []
        # Reckless again: so small a disk has never as much room as a throttle wants.
        assert carried_out(Order(url=url, reckless=True)).code == 1
        filler.unlink()
        assert carried_out(Order(url=url, reckless=True)).code == 0
        assert disagreements(url) == []
        execute(url, "ALTER TABLE public.users SET TABLESPACE pg_default")
        execute(url, "DROP TABLESPACE small")


def test_a_full_disk_under_all_of_the_server_ends_the_run_and_it_goes_on_once_there_is_room() -> (
    None
):
    """The ledger and the server's log are on the full disk too: not even the failure fits on it."""
    room = {**FAST, "min_wal_size": "32MB", "max_wal_size": "32MB"}
    with (
        TemporaryDirectory(prefix="pgtide-full-disk-") as folder,
        small_disk(passable(folder) / "small-disk", "128m") as disk,
        temporary_server(ServerOptions(settings=room), directory=disk) as server,
    ):
        assert server.data_dir.is_relative_to(disk)
        create_users(server.url, rows=10_000)
        before = hash_of(server.url)
        with started(Order(url=server.url, pause_ms=100, reckless=True)) as worker:
            worker.wait_for("BatchCommitted", 3)
            filler = fill_up(disk, leave=0)
            ended = worker.finish()
        assert ended.code == 1, str(ended)
        assert ended.error in {"StatementFailed", "ConnectionLost"}, str(ended)
        known = places(server.url)
        assert record_of(server.url, MIGRATION_ID).standing == "backfilling"
        filler.unlink()
        assert places(server.url) == known
        assert carried_out(Order(url=server.url, reckless=True)).code == 0
        assert record_of(server.url, MIGRATION_ID).state == "verified"
        assert disagreements(server.url) == []
        assert hash_of(server.url) == before


def passable(folder: str) -> Path:
    """Let the server's user pass through a folder."""
    Path(folder).chmod(0o755)
    return Path(folder)


def hash_of(url: str) -> object:
    """Return a hash of what the old columns hold."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT count(*), sum(hashtextextended(concat_ws('|', id, email, email_verified,"
            " verification_token, name, created_at), 0)) FROM public.users"
        ).fetchone()
