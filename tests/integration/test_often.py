"""A statement that a session asks often is prepared, and goes on after whatever comes between."""

import psycopg
import pytest

from pgtide.errors import Failed
from pgtide.postgres.session import Session, connect
from tests.small_table import create_small, run

ASKED = "UPDATE public.t SET a = a WHERE id = %(id)s RETURNING a"


def prepared(session: Session) -> list[str]:
    rows = session.rows("SELECT statement FROM pg_prepared_statements")
    return [row["statement"] for row in rows]


def ask(session: Session) -> object:
    found = session.often(ASKED, {"id": 1}, doing="asking")
    return found and found["a"]


def fail_after_asking(session: Session) -> None:
    with session.transaction():
        ask(session)
        session.execute("SELECT 1 / 0")


def test_only_what_is_asked_often_is_prepared(database: str) -> None:
    create_small(database)
    with connect(database, purpose="test") as session:
        for _ in range(20):
            session.value("SELECT 1")
            ask(session)
        assert prepared(session) == [ASKED.replace("%(id)s", "$1")]


def test_it_is_asked_again_after_a_rollback_a_new_column_and_a_vacuum(database: str) -> None:
    create_small(database)
    with connect(database, purpose="test") as session:
        before = ask(session)
        with pytest.raises(Failed):
            fail_after_asking(session)
        assert ask(session) == before
        run(database, "ALTER TABLE public.t ADD COLUMN another int DEFAULT 7")
        assert ask(session) == before
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("VACUUM FULL public.t")
        assert ask(session) == before
