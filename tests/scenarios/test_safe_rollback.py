"""A DBA undoes a migration from psql alone, whatever became of the process that ran it."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgtide.model.gate import Gate
from pgtide.model.state import State
from pgtide.postgres.embedded import Server
from tests.driving import migrate, record_of, undo
from tests.later import approve
from tests.prober import probing
from tests.psql import undo_from_psql
from tests.roles import temporary_role
from tests.scenarios.child import carried_out, started
from tests.scenarios.killed import Order
from tests.server import fresh_database, name_of
from tests.small_table import run
from tests.table_state import old_rows, schema_dump, table_state
from tests.users import MIGRATION_ID, create_users, email_migration

pytestmark = pytest.mark.long

# Every 97th row: what a release that knows the old names only, and one that knows both, have done.
WRITES = (
    "UPDATE public.users SET email_verified = email_verified IS NOT TRUE WHERE id % 97 = 0",
    "UPDATE public.users SET verification_token_v2 = 'late' WHERE id % 97 = 1",
    "INSERT INTO public.users (id, email, email_verified) VALUES (-1, 'new@example.org', true)",
    "DELETE FROM public.users WHERE id % 97 = 2",
)


@pytest.fixture
def table(database: str) -> str:
    create_users(database, rows=10_000)
    return database


def rows(url: str) -> str:
    with psycopg.connect(url) as connection:
        return old_rows(connection)


def verified(url: str) -> None:
    migrate(url, email_migration())


def assert_taken_back(table: str, shape: str) -> None:
    """Undo it from psql, and find the old shape with every row's old columns as they were."""
    before = rows(table)
    answer = undo_from_psql(table)
    assert answer.undone, answer
    assert schema_dump(table) == shape
    assert rows(table) == before
    assert record_of(table, MIGRATION_ID).state is State.ROLLED_BACK


@pytest.mark.parametrize(
    ("at", "nth"),
    [
        ("StatementEnded:expand.shape:3", 1),
        ("PhaseEnded:expand", 1),
        ("BatchCommitted", 7),
        ("PhaseBegan:finalize", 1),
        ("PhaseBegan:verify", 1),
        ("PhaseEnded:verify", 1),
    ],
)
@pytest.mark.wide
def test_a_killed_migration_is_undone_and_every_write_to_the_old_names_is_kept(
    table: str, at: str, nth: int
) -> None:
    shape = schema_dump(table)
    assert carried_out(Order(url=table, at=at, nth=nth)).code == -signal.SIGKILL
    if not at.startswith("StatementEnded:expand"):
        run(table, *WRITES)

    assert_taken_back(table, shape)
    again = carried_out(Order(url=table))
    assert again.code == 0, str(again)
    assert record_of(table, MIGRATION_ID).state is State.VERIFIED


@pytest.mark.parametrize("at", ["StepEnded:contract.shape", "PhaseEnded:contract"])
def test_a_killed_contract_is_undone_and_every_write_to_the_old_names_is_kept(
    table: str, at: str, tmp_path: Path
) -> None:
    shape = schema_dump(table)
    verified(table)
    approve(table, MIGRATION_ID, Gate.CONTRACT)
    order = Order(url=table, action="contract", at=at, backups=str(tmp_path))
    assert carried_out(order).code == -signal.SIGKILL
    run(table, *WRITES)

    assert_taken_back(table, shape)


def test_a_view_in_the_way_is_named_and_once_it_is_gone_the_undo_works(table: str) -> None:
    shape = schema_dump(table)
    verified(table)
    run(table, "CREATE VIEW public.report AS SELECT verified_at FROM public.users")
    there = schema_dump(table)

    answer = undo_from_psql(table)

    assert not answer.undone
    assert "view public.report depends on column verified_at" in answer.said
    assert schema_dump(table) == there
    record = record_of(table, MIGRATION_ID)
    assert record.state is State.ROLLBACK_FAILED
    assert "view public.report" in str(record.last_error)
    [log] = run(table, "SELECT status, error_message, rollback_available FROM pgtide.migration_log")
    assert (log[0], log[2]) == ("ROLLBACK_FAILED", True)
    assert "view public.report" in str(log[1])

    run(table, "DROP VIEW public.report")
    assert undo_from_psql(table).undone
    assert schema_dump(table) == shape


def test_a_reader_of_four_seconds_is_outlasted_and_named_and_no_statement_fails(
    table: str,
) -> None:
    shape = schema_dump(table)
    verified(table)
    reads = ("SELECT count(*) FROM public.users WHERE id < 90",)
    writes = ("UPDATE public.users SET name = 'x' WHERE id = 30",)
    with (
        held_by_a_reader(table, "the long report", after=0, until=2),
        held_by_a_reader(table, "the next report", after=1, until=4),
        probing(table, *reads, *writes) as stalls,
    ):
        begun = time.monotonic()
        answer = undo_from_psql(table)
        seconds = time.monotonic() - begun
    assert answer.undone, answer
    assert "the long report" in answer.said
    assert "the next report" in answer.said
    assert seconds > 2
    assert stalls.failures == []
    assert schema_dump(table) == shape


@contextmanager
def held_by_a_reader(url: str, name: str, *, after: float, until: float) -> Iterator[None]:
    """Read the table in a transaction between two moments, in seconds from now."""
    reading = threading.Event()

    def read() -> None:
        time.sleep(after)
        with psycopg.connect(url, application_name=name) as reader:
            reader.execute("SELECT FROM public.users LIMIT 1")
            reading.set()
            time.sleep(until - after)

    thread = threading.Thread(target=read)
    thread.start()
    if not after:
        reading.wait(30)
    yield
    thread.join()


def test_a_live_worker_is_ended_and_writes_nothing_after(table: str) -> None:
    shape = schema_dump(table)
    with started(Order(url=table, pause_ms=200, heartbeat_ms=200)) as worker:
        worker.wait_for("BatchCommitted", 3)
        answer = undo_from_psql(table)
        assert answer.undone, answer
        assert "ended run 1" in answer.said
        ended = worker.finish()
    assert ended.error == "Fenced", str(ended)
    assert schema_dump(table) == shape
    assert record_of(table, MIGRATION_ID).state is State.ROLLED_BACK
    assert run(table, "SELECT outcome FROM pgtide.run ORDER BY id") == [("lost",), ("ended",)]


def test_a_sleeping_worker_is_fenced_wherever_it_sleeps(table: str) -> None:
    order = Order(url=table, at="BatchCommitted", nth=4, signal=signal.SIGSTOP, heartbeat_ms=200)
    with started(order) as sleeper:
        sleeper.wait_until_stopped()
        assert undo_from_psql(table).undone
        after = table_state(table)
        sleeper.signal(signal.SIGCONT)
        ended = sleeper.finish()
    assert ended.error == "Fenced", str(ended)
    assert table_state(table) == after


def test_a_live_worker_that_the_caller_may_not_end_goes_on_undisturbed(table: str) -> None:
    with temporary_role(table) as (name, url):
        carried_out(Order(url=table, at="PhaseEnded:expand"))
        grant_the_ledger(table, name)
        with started(Order(url=table, pause_ms=100, heartbeat_ms=200)) as worker:
            worker.wait_for("BatchCommitted", 2)
            answer = undo_from_psql(url)
            assert not answer.undone
            assert f"{name} may not end it" in answer.said
            assert "run 2 of" in answer.said
            assert worker.finish().code == 0
        assert record_of(table, MIGRATION_ID).state is State.VERIFIED
        refused = "SELECT actor FROM pgtide.event WHERE kind = 'undo_refused'"
        assert run(table, refused) == [(name,)]


def grant_the_ledger(url: str, role: str) -> None:
    run(
        url,
        f"GRANT ALL ON ALL TABLES IN SCHEMA pgtide TO {role}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA pgtide TO {role}",
        # Not on all functions: a new grant on the triggers' own would withdraw the verification.
        f"DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid FROM pg_proc"
        " WHERE pronamespace = 'pgtide'::regnamespace AND proname ~ '^(safe_|undo)' LOOP"
        f" EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {role}', f); END LOOP; END $$",
    )


def test_a_caller_who_is_not_the_owner_changes_nothing_and_is_told_why(table: str) -> None:
    verified(table)
    there = schema_dump(table)
    with temporary_role(table) as (name, url):
        grant_the_ledger(table, name)
        answer = undo_from_psql(url)
        assert not answer.undone
        assert 'permission denied to set role "postgres"' in answer.said
        assert schema_dump(table) == there
        assert record_of(table, MIGRATION_ID).state is State.ROLLBACK_FAILED
        failed = "SELECT actor FROM pgtide.event WHERE kind = 'phase_failed'"
        assert run(table, failed) == [(name,)]
    assert undo_from_psql(table).undone


TELL_WHO = (
    """CREATE FUNCTION public.tell() RETURNS event_trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE NOTICE 'as %', current_user; END $$""",
    "CREATE EVENT TRIGGER tell ON ddl_command_start EXECUTE FUNCTION public.tell()",
)


@pytest.mark.untouched
def test_an_undo_runs_as_the_owner_whoever_calls_it(table: str) -> None:
    with temporary_role(table) as (name, url):
        shape = schema_dump(table)
        run(
            table,
            f"ALTER TABLE public.users OWNER TO {name}",
            f"GRANT CREATE ON SCHEMA public TO {name}",
            f"GRANT CREATE ON DATABASE {name_of(table)} TO {name}",
        )
        migrate(url, email_migration())
        assert undo_from_psql(url).undone
        migrate(url, email_migration())
        # What the owner of a table has hung on it must not run with a superuser's rights.
        run(table, *TELL_WHO)
        answer = undo_from_psql(table)
        assert answer.undone, answer
        assert f"as {name}" in answer.said
        assert "as postgres" not in answer.said
        run(table, "DROP EVENT TRIGGER tell", "DROP FUNCTION public.tell()")
        run(table, "DROP SCHEMA pgtide CASCADE", "ALTER TABLE public.users OWNER TO postgres")
        assert schema_dump(table) == shape


@pytest.mark.parametrize("at", ["BatchCommitted", "PhaseBegan:verify", "PhaseEnded:verify"])
def test_both_ways_of_undoing_leave_the_same(server: Server, table: str, at: str) -> None:
    """Except for what only `pgtide down` has: the step that installs the archive's trigger."""
    assert carried_out(Order(url=table, at=at, nth=7 if at == "BatchCommitted" else 1)).code
    run(table, *WRITES)
    wait_for_nobody(table)
    with (
        fresh_database(server, name_of(table)) as by_pgtide,
        fresh_database(server, name_of(table)) as by_hand,
    ):
        undo(by_pgtide, MIGRATION_ID)
        assert undo_from_psql(by_hand).undone
        assert schema_dump(by_hand) == schema_dump(by_pgtide)
        ours, theirs = table_state(by_hand), table_state(by_pgtide)
        capture = "step rollback.capture undone"
        ledger = tuple(line for line in theirs.ledger if line != capture)
        assert replace(theirs, ledger=ledger).differences(ours) == []
        kinds = "SELECT kind FROM pgtide.event ORDER BY id"
        assert run(by_hand, kinds) == run(by_pgtide, kinds)


def wait_for_nobody(url: str) -> None:
    """Wait until the killed process's sessions have gone: a template must have none."""
    there = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgtide%'"
    for _ in range(100):
        if run(url, f"{there} AND datname = current_database()") == [(0,)]:
            return
        time.sleep(0.05)
    raise AssertionError("a session of the killed process is still there")
