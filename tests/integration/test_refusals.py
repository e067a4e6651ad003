"""Whatever is refused is refused before the first change, with a reason and a way out.

The whole catalog is compared, row versions included, and so is the ledger.
"""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from pgtide.errors import InvalidMigration, Refused
from pgtide.model.migration import Migration
from pgtide.model.state import Phase, State
from pgtide.phases.target import refuse_version
from pgtide.postgres.embedded import Server
from tests.catalog_snapshot import changes, snapshot
from tests.driving import migrate, record_of, refusal
from tests.integration.refusal_cases import DECLARED, Refusal
from tests.integration.refused_partitions import PARTITIONS
from tests.integration.refused_tables import TABLES
from tests.roles import temporary_role
from tests.server import fresh_database
from tests.users import MIGRATION_ID, create_users, email_migration

# That nothing was changed could not be seen of a ledger that is there already.
pytestmark = pytest.mark.untouched

OTHER_ID = "20260101_000000_another"


def prepare(url: str) -> str:
    create_users(url, rows=6)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE public.users ADD COLUMN twice bigint GENERATED ALWAYS AS (id * 2) STORED"
        )
    return url


@pytest.fixture
def users(database: str) -> str:
    return prepare(database)


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[str]:
    """One database for all cases that only declare something: none of them changes it."""
    with fresh_database(server) as url:
        yield prepare(url)


def refused(url: str, migration: Migration, *, as_role: str | None = None) -> Refused:
    """Return the refusal of a migration that must leave no trace."""
    before = snapshot(url)
    error = refusal(lambda: migrate(as_role or url, migration))
    assert isinstance(error, Refused), error
    assert changes(before, snapshot(url)) == []
    assert "nothing was changed" in error.state.lower()
    return error


@pytest.mark.parametrize("case", DECLARED, ids=str)
def test_a_declaration_is_refused_and_nothing_has_changed(shared: str, case: Refusal) -> None:
    says_why(refused(shared, case.migration()), case)


@pytest.mark.parametrize("case", [*TABLES, *PARTITIONS], ids=str)
def test_a_table_is_refused_and_nothing_has_changed(users: str, case: Refusal) -> None:
    with psycopg.connect(users, autocommit=True) as connection:
        for statement in case.setup:
            connection.execute(statement.encode())
    says_why(refused(users, case.migration()), case)


def says_why(error: Refused, case: Refusal) -> None:
    for words in case.says:
        assert words in error.what
    assert case.remedy in error.remedy


def test_a_snapshot_sees_what_was_made_and_unmade(users: str) -> None:
    """The check above would pass whatever happened if the comparison were blind."""
    before = snapshot(users)
    with psycopg.connect(users, autocommit=True) as connection:
        connection.execute("ALTER TABLE public.users ADD COLUMN x int")
        connection.execute("ALTER TABLE public.users DROP COLUMN x")
    assert changes(before, snapshot(users))


def test_a_temporary_table_is_refused(users: str) -> None:
    """It lives in a session of its own, and a migration would not even see its rows."""
    with psycopg.connect(users, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE passing (email_verified boolean)")
        [schema] = connection.execute("SELECT pg_my_temp_schema()::regnamespace").fetchone() or []
        error = refused(users, replace(email_migration(), table=f"{schema}.passing"))
    assert "is temporary" in error.what


def test_a_file_edited_after_expand_is_refused_with_the_difference(users: str) -> None:
    migrate(users, email_migration(), until=Phase.EXPAND)
    migration = email_migration()
    edited = replace(migration, changes=migration.changes[:2])
    error = refused(users, edited)
    assert isinstance(error, InvalidMigration)
    assert "edited after it began" in error.what
    assert '-      "name": "verified_at"' in error.what
    assert "pgtide down" in error.remedy
    assert record_of(users, MIGRATION_ID).state is State.EXPANDED


def test_a_second_migration_of_the_same_version_is_refused(users: str) -> None:
    migrate(users, email_migration(), until=Phase.EXPAND)
    error = refused(users, email_migration(OTHER_ID, "2.1.0"))
    assert f"Version 2.1.0 is taken by {MIGRATION_ID}" in error.what


def test_a_second_migration_of_an_unfinished_table_is_refused(users: str) -> None:
    migrate(users, email_migration(), until=Phase.EXPAND)
    error = refused(users, email_migration(OTHER_ID, "2.1.1"))
    assert f"in the hands of {MIGRATION_ID}, which is expanded" in error.what


def test_a_role_from_which_policies_hide_rows_is_refused(users: str) -> None:
    with (
        psycopg.connect(users, autocommit=True) as admin,
        temporary_role(users) as (role, address),
    ):
        for statement in (
            f"GRANT ALL ON DATABASE {admin.info.dbname} TO {role}",
            f"GRANT ALL ON SCHEMA public TO {role}",
            f"ALTER TABLE public.users OWNER TO {role}",
            "ALTER TABLE public.users ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE public.users FORCE ROW LEVEL SECURITY",
            "CREATE POLICY half ON public.users USING (id % 2 = 0)",
        ):
            admin.execute(statement.encode())
        error = refused(users, email_migration(), as_role=address)
        assert f"Row level security hides rows of public.users from {role}" in error.what
        assert "BYPASSRLS" in error.remedy
        admin.execute("ALTER TABLE public.users NO FORCE ROW LEVEL SECURITY")
        assert migrate(address, email_migration()).state is State.VERIFIED


def test_a_role_that_does_not_own_the_table_is_refused(users: str) -> None:
    with (
        psycopg.connect(users, autocommit=True) as admin,
        temporary_role(users) as (role, address),
    ):
        admin.execute(f"GRANT ALL ON DATABASE {admin.info.dbname} TO {role}".encode())
        admin.execute(f"GRANT ALL ON public.users TO {role}".encode())
        error = refused(users, email_migration(), as_role=address)
    assert f"The role {role} does not own public.users" in error.what
    assert "Connect as postgres" in error.remedy


@pytest.mark.parametrize("privilege", ["CREATE", "TEMPORARY"])
def test_an_owner_who_may_not_make_what_it_takes_is_refused(users: str, privilege: str) -> None:
    with (
        psycopg.connect(users, autocommit=True) as admin,
        temporary_role(users) as (role, address),
    ):
        name = admin.info.dbname
        for statement in (
            f"GRANT ALL ON DATABASE {name} TO {role}",
            f"REVOKE {privilege} ON DATABASE {name} FROM {role}, PUBLIC",
            f"GRANT ALL ON SCHEMA public TO {role}",
            f"ALTER TABLE public.users OWNER TO {role}",
        ):
            admin.execute(statement.encode())
        error = refused(users, email_migration(), as_role=address)
    assert f"GRANT {privilege} ON DATABASE" in error.remedy


def test_a_server_before_14_is_refused() -> None:
    with pytest.raises(Refused, match="PostgreSQL 13; pgtide needs 14 or later"):
        refuse_version(130021)
    refuse_version(140000)
