"""Whoever could write before expand can write after it, with no more rights than before."""

import psycopg

from pgtide.model.state import Phase
from tests.driving import migrate
from tests.roles import temporary_role
from tests.users import create_users, email_migration


def test_a_role_that_may_update_one_column_only_still_can(database: str) -> None:
    """The database withholds from PUBLIC all that it can before pgtide comes."""
    create_users(database, rows=6)
    with (
        psycopg.connect(database, autocommit=True) as owner,
        temporary_role(database) as (role, application),
    ):
        owner.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
        owner.execute("ALTER DEFAULT PRIVILEGES REVOKE USAGE ON SEQUENCES FROM PUBLIC")
        owner.execute(
            f"GRANT SELECT (id), UPDATE (email_verified) ON public.users TO {role}".encode()
        )
        migrate(database, email_migration(), until=Phase.EXPAND)
        with psycopg.connect(application, autocommit=True) as session:
            changed = session.execute("UPDATE public.users SET email_verified = true WHERE id = 9")
            assert changed.rowcount == 1
        row = owner.execute(
            "SELECT email_verified_v2, verified_at IS NOT NULL FROM public.users WHERE id = 9"
        ).fetchone()
    assert row == (True, True)


def test_a_column_privilege_holds_for_the_new_column_too(database: str) -> None:
    create_users(database, rows=6)
    with (
        psycopg.connect(database, autocommit=True) as owner,
        temporary_role(database) as (role, application),
    ):
        owner.execute(
            "GRANT SELECT (id, email_verified), UPDATE (email_verified)"
            f" ON public.users TO {role}".encode()
        )
        migrate(database, email_migration(), until=Phase.EXPAND)
        with psycopg.connect(application, autocommit=True) as session:
            # A contradiction: the counter must not need a right that the writer lacks.
            session.execute(
                "UPDATE public.users SET email_verified = false, email_verified_v2 = true"
                " WHERE id = 3"
            )
        row = owner.execute(
            "SELECT email_verified, email_verified_v2 FROM public.users WHERE id = 3"
        ).fetchone()
    assert row == (False, True)


def test_a_writers_search_path_cannot_change_what_the_triggers_compute(database: str) -> None:
    create_users(database, rows=6)
    migrate(database, email_migration(), until=Phase.EXPAND)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("CREATE SCHEMA evil")
        session.execute(
            "CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql"
            " AS $$ SELECT timestamptz '1999-01-01' $$"
        )
        session.execute("SET search_path = evil, pg_catalog")
        session.execute("UPDATE public.users SET email_verified = true WHERE id = 9")
        row = session.execute(
            "SELECT verified_at > timestamp '2020-01-01' FROM public.users WHERE id = 9"
        ).fetchone()
    assert row == (True,)
