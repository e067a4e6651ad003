"""What must never happen is forbidden in the database too; each test tries it."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from pgtide.errors import Refused
from pgtide.ledger.schema import UPGRADES, install
from pgtide.postgres.session import connect
from tests.users import MIGRATION_ID


@pytest.fixture
def ledger(verified: str) -> Iterator[psycopg.Connection]:
    """A connection to a database with a verified migration."""
    with psycopg.connect(verified, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pgtide.event SET actor = 'nobody'",
        "DELETE FROM pgtide.event",
        "TRUNCATE pgtide.event",
    ],
)
def test_the_audit_is_append_only(ledger: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="append only"):
        ledger.execute(statement)
    # A session that replays replicated rows is no exception.
    ledger.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.errors.RaiseException, match="append only"):
        ledger.execute(statement)


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("state_known", "UPDATE pgtide.migration SET state = 'done'"),
        ("remembers_where_it_was", "UPDATE pgtide.migration SET state = 'failed'"),
        (
            "paused_by_somebody",
            "UPDATE pgtide.migration SET state = 'paused', resume_to = 'expanding'",
        ),
        ("paused_by_somebody", "UPDATE pgtide.migration SET paused_by = 'window'"),
        ("remembers_where_it_was", "UPDATE pgtide.migration SET resume_to = 'expanding'"),
        ("ended_with_an_outcome", "UPDATE pgtide.run SET outcome = NULL"),
        ("cursor_inside", "UPDATE pgtide.slice SET cursor = first_block - 1"),
        (
            "passed_means_clean",
            "UPDATE pgtide.verification SET mismatches = 1",
        ),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(
    ledger: psycopg.Connection, constraint: str, statement: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        ledger.execute(statement)
    assert caught.value.diag.constraint_name == constraint


def test_a_second_unfinished_migration_on_a_table_is_refused(ledger: psycopg.Connection) -> None:
    copy = (
        "INSERT INTO pgtide.migration (id, version, description, table_schema, table_name,"
        " table_oid, state, spec, checksum, plan, contract_release)"
        " SELECT 'other', '9.9.9', description, table_schema, table_name, table_oid, %s, spec,"
        " checksum, plan, contract_release FROM pgtide.migration WHERE id = %s"
    )
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_unfinished_migration"):
        ledger.execute(copy, ["backfilling", MIGRATION_ID])
    ledger.execute(copy, ["rolled_back", MIGRATION_ID])


def test_two_runs_with_one_token_are_refused(ledger: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_run_per_token"):
        ledger.execute(
            "INSERT INTO pgtide.run (migration_id, token, actor, host, pid)"
            " SELECT migration_id, token, actor, host, pid FROM pgtide.run"
        )


def test_row_data_is_for_the_owner_alone(ledger: psycopg.Connection) -> None:
    ledger.execute("CREATE ROLE ledger_stranger LOGIN PASSWORD 'x'")
    try:
        ledger.execute("SET ROLE ledger_stranger")
        for table in ("archive", "migration", "event", "verification"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ledger.execute(f"SELECT FROM pgtide.{table}")
    finally:
        ledger.execute("RESET ROLE")
        ledger.execute("DROP ROLE ledger_stranger")


@pytest.mark.untouched
def test_several_may_install_the_ledger_at_once(database: str) -> None:
    failures: list[BaseException] = []
    ready = threading.Barrier(4)

    def upgrade() -> None:
        try:
            with connect(database, purpose="test") as session:
                ready.wait()
                install(session, log_schema="pgtide")
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is shown
            failures.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT number FROM pgtide.upgrade ORDER BY 1").fetchall()
    assert [number for (number,) in found] == list(range(1, len(UPGRADES) + 1))


def test_a_ledger_of_a_newer_pgtide_is_refused(database: str) -> None:
    with connect(database, purpose="test") as session:
        install(session, log_schema="pgtide")
        session.execute("INSERT INTO pgtide.upgrade (number) VALUES (999)")
        with pytest.raises(Refused, match="newer pgtide"):
            install(session, log_schema="pgtide")
