"""The strategy's log, under its own names: its table, its functions, its statuses."""

from dataclasses import replace

import psycopg
import pytest
from psycopg.rows import dict_row

from pgtide.errors import LockNotAcquired
from pgtide.ledger.schema import install
from pgtide.model.state import Phase
from pgtide.postgres.session import connect
from tests.driving import migrate, settings_for, undo
from tests.users import MIGRATION_ID, create_users, email_migration


def log(url: str, schema: str = "pgtide") -> list[dict[str, object]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM {schema}.migration_log ORDER BY id").fetchall()


@pytest.mark.untouched
def test_the_functions_work_as_the_strategy_wrote_them(database: str) -> None:
    with connect(database, purpose="test") as session:
        install(session, log_schema="public")
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:
        begun = connection.execute(
            "SELECT log_migration_start('001', 'Add columns') AS id"
        ).fetchone()
        assert begun is not None
        [row] = log(database, "public")
        assert (row["version"], row["status"]) == ("001", "RUNNING")
        assert (row["completed_at"], row["rollback_available"]) == (None, False)

        # More rows than an integer holds: the strategy's own type would overflow.
        connection.execute("SELECT log_migration_complete(%s, 5000000000)", [begun["id"]])
        [row] = log(database, "public")
        assert (row["status"], row["rows_affected"]) == ("SUCCESS", 5_000_000_000)
        assert row["completed_at"] is not None
        assert isinstance(row["duration_ms"], int)


@pytest.mark.untouched
def test_a_duration_longer_than_an_integer_holds_is_kept(database: str) -> None:
    with connect(database, purpose="test") as session:
        install(session, log_schema="pgtide")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO pgtide.migration_log (id, version, started_at)"
            " VALUES (900, '001', now() - interval '40 days')"
        )
        connection.execute("SELECT pgtide.log_migration_complete(900)")
    assert log(database)[0]["duration_ms"] > 2**31  # type: ignore[operator]  # a number


@pytest.mark.untouched
def test_an_unknown_status_is_refused_by_the_database(database: str) -> None:
    with connect(database, purpose="test") as session:
        install(session, log_schema="pgtide")
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "INSERT INTO pgtide.migration_log (version, status) VALUES ('001', 'DONE')"
        )


@pytest.mark.untouched
def test_each_passage_of_a_migration_is_one_row_that_is_kept_true(database: str) -> None:
    create_users(database, rows=500)
    migration = email_migration()
    with psycopg.connect(database) as reader:
        reader.execute("SELECT FROM public.users LIMIT 1")
        impatient = replace(settings_for(database), lock_tries=1)
        with pytest.raises(LockNotAcquired):
            migrate(database, migration, settings=impatient)
    [row] = log(database)
    assert (row["status"], row["rollback_available"]) == ("FAILED", False)
    assert "No lock on the table" in str(row["error_message"])

    migrate(database, migration, until=Phase.EXPAND)
    [row] = log(database)
    assert (row["status"], row["rollback_available"]) == ("RUNNING", True)
    assert (row["error_message"], row["completed_at"]) == (None, None)

    migrate(database, migration)
    [row] = log(database)
    assert (row["status"], row["rollback_available"]) == ("SUCCESS", True)
    assert isinstance(row["rows_affected"], int)
    assert row["rows_affected"] > 0

    undo(database, MIGRATION_ID)
    [row] = log(database)
    assert (row["status"], row["rollback_available"]) == ("ROLLED_BACK", False)

    migrate(database, migration)
    assert [row["status"] for row in log(database)] == ["ROLLED_BACK", "SUCCESS"]
