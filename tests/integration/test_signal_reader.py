"""The reader of signals on one session: what it prepares, and what it leaves there."""

import uuid

import psycopg
from psycopg import sql

from pgtide.backfill.throttle.chosen import chosen
from pgtide.backfill.throttle.reader import Reader
from pgtide.backfill.throttle.reading import Unreadable
from pgtide.model.throttle import Throttle
from pgtide.postgres.session import Session, connect
from tests.small_table import create_small

PREPARED = "SELECT count(*) FROM pg_prepared_statements"


def reader(session: Session) -> Reader:
    oid = session.value("SELECT 'public.t'::regclass::oid::bigint")
    params = {"oid": oid, "run": 1, "id": "none", "attempt": 1}
    signals = chosen(Throttle(), table="public.t")
    return Reader(signals, [], params, search_path="public")


def test_all_signals_are_planned_once(database: str) -> None:
    create_small(database)
    with connect(database, purpose="test") as session:
        one = reader(session)
        for now in range(3):
            assert one.read(session, float(now))
            assert session.value(PREPARED) == 1


def test_what_a_role_may_not_read_leaves_nothing_on_the_server(database: str) -> None:
    create_small(database)
    poor = sql.Identifier(f"poor_{uuid.uuid4().hex[:8]}")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {}").format(poor))
        try:
            with connect(database, purpose="test") as session:
                session.execute(sql.SQL("SET ROLE {}").format(poor).as_string())
                one = reader(session)
                before = one.names
                found = one.read(session, 0.0)
                assert any(isinstance(each, Unreadable) for each in found.values()) or (
                    len(one.names) < len(before)
                )
                assert session.value(PREPARED) == 0
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(poor))
