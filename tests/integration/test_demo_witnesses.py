"""What the demo swears by, broken on purpose on a small table: each witness sees it."""

import psycopg
import pytest

from demo import crash, one_update, shape
from demo.database import TABLE, changed_unasked, create_users, key
from pgtide.postgres.embedded import tool
from pgtide.postgres.session import connect

ROWS = 2000
WIDEN = (
    "ALTER TABLE public.users ADD COLUMN email_verified_v2 boolean,"
    " ADD COLUMN verification_token_v2 varchar(255), ADD COLUMN verified_at timestamp"
)
FILL = (
    "UPDATE public.users SET email_verified_v2 = email_verified,"
    " verification_token_v2 = verification_token,"
    " verified_at = CASE WHEN email_verified THEN created_at END WHERE id <= 1000"
)


@pytest.fixture
def users(database: str) -> str:
    create_users(database, rows=ROWS)
    return database


def run(url: str, sql: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())


def test_a_committed_row_that_is_written_again_is_counted(users: str) -> None:
    run(users, WIDEN)
    run(users, FILL)
    with connect(users, purpose="test") as session:
        assert crash.note(session) >= 900
        # An application's write raises the revision: it is none of the backfill's.
        run(users, f"UPDATE {TABLE} SET revision = revision + 1 WHERE id = 1")
        run(users, f"UPDATE {TABLE} SET email_verified_v2 = email_verified WHERE id = 2")
        run(users, f"UPDATE {TABLE} SET email_verified_v2 = email_verified WHERE id = 1500")
        assert crash.redone(session) == 1


def test_a_row_that_was_changed_or_lost_unasked_is_counted(users: str) -> None:
    with connect(users, purpose="test") as session:
        assert changed_unasked(session, rows=ROWS) == 0
        run(users, f"UPDATE {TABLE} SET email_verified = NOT email_verified WHERE id = 3")
        run(users, f"DELETE FROM {TABLE} WHERE id = 5")
        run(users, f"UPDATE {TABLE} SET name = 'x', revision = 1 WHERE id = 7")
        assert changed_unasked(session, rows=ROWS) == 2


@pytest.mark.untouched
def test_a_dump_shows_a_column_and_the_catalog_names_what_is_left(users: str) -> None:
    pg_dump = tool("pg_dump")
    before = shape.dump(users, pg_dump=pg_dump)
    assert shape.dump(users, pg_dump=pg_dump) == before
    run(users, "CREATE SCHEMA pgtide")
    run(users, WIDEN)
    run(users, f"ALTER TABLE {TABLE} ADD CONSTRAINT _pgtide_x CHECK (id > 0)")
    assert shape.dump(users, pg_dump=pg_dump) != before
    with connect(users, purpose="test") as session:
        left = shape.remnants(session)
    assert left == (
        "column email_verified_v2",
        "column verification_token_v2",
        "constraint _pgtide_x",
    )


def test_ids_have_gaps_and_values_have_nulls(users: str) -> None:
    with connect(users, purpose="test") as session:
        row = session.rows(
            "SELECT count(*) AS n, max(id) AS last, count(email_verified) AS flags,"
            " count(verification_token) AS tokens, count(last_login_at) AS logins"
            f" FROM {TABLE}"
        )[0]
    assert row["n"] == ROWS < row["last"] == key(ROWS)
    assert 0 < row["flags"] < ROWS
    assert 0 < row["tokens"] < ROWS
    assert 0 < row["logins"] < ROWS


def test_who_writes_beside_one_update_waits_to_its_end_however_long(users: str) -> None:
    """Longer than the time limits of a session of ours, five seconds for a lock."""
    seconds = 6.0
    statement = f"DO $$ BEGIN UPDATE {TABLE} SET name = name; PERFORM pg_sleep({seconds}); END $$"
    with connect(users, purpose="test") as session:
        seen = one_update.run(session, users, statement, table=TABLE, rows=ROWS)
    assert seen.seconds >= seconds
    assert seconds - 1.0 < seen.longest <= seen.seconds + 1.0
