"""Contract gives the new columns the final names, its undo gives them back, purge drops the old."""

import psycopg

from tests.contracting import contract, purge, undone
from tests.driving import migrate
from tests.small_table import run
from tests.table_state import schema_dump
from tests.users import create_users, email_migration

_NUMBERS = """
SELECT attname, attnum FROM pg_attribute
 WHERE attrelid = 'public.users'::regclass AND attname IN ('email_verified', 'email_verified_v2')
 ORDER BY attnum
"""


def test_the_names_are_swapped_and_the_undo_swaps_them_back(database: str) -> None:
    create_users(database, rows=200)
    migrate(database, email_migration())
    before = schema_dump(database)
    step = contract(database, email_migration())
    assert [name for name, _ in run(database, _NUMBERS)] == ["email_verified_v2", "email_verified"]
    assert run(
        database,
        "SELECT count(*) FROM pg_indexes WHERE indexname = 'idx_users_email_verified'"
        " AND indexdef LIKE '%(email_verified) WHERE email_verified'",
    ) == [(1,)]
    undone(database, step)
    assert schema_dump(database) == before


def test_every_name_can_be_written_after_contract(database: str) -> None:
    create_users(database, rows=200)
    migrate(database, email_migration())
    contract(database, email_migration())
    with psycopg.connect(database, autocommit=True) as connection:
        for number, columns in enumerate(("", ", email_verified", ", email_verified_v2"), 1000):
            values = ", true" if columns else ""
            connection.execute(
                f"INSERT INTO public.users (id, email{columns})"
                f" VALUES ({number}, 'x'{values})".encode()
            )
        connection.execute("UPDATE public.users SET email_verified = NOT email_verified")
        rows = connection.execute(
            "SELECT email_verified, email_verified_v2 FROM public.users WHERE id >= 1000"
            " ORDER BY id"
        ).fetchall()
        assert rows == [(True, True), (False, False), (False, False)]
        connection.execute("UPDATE public.users SET email_verified_v2 = true WHERE id >= 1000")
        left = connection.execute(
            "SELECT count(*) FROM public.users WHERE email_verified_v2 IS DISTINCT FROM"
            " email_verified OR email_verified IS TRUE AND verified_at IS NULL"
        ).fetchone()
        assert left == (0,)


def test_after_purge_nothing_of_pgtide_is_left_on_the_table(database: str) -> None:
    create_users(database, rows=200)
    migrate(database, email_migration())
    contract(database, email_migration())
    purge(database, email_migration())
    assert "pgtide" not in schema_dump(database)
    assert "_v2" not in schema_dump(database)
    left = run(
        database,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'pgtide'::regnamespace"
        " AND proname LIKE 'm\\_%'"
        " UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'pgtide'::regnamespace"
        " AND relname LIKE 'm\\_%'",
    )
    assert left == []
