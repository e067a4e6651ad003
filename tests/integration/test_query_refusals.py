"""A declared query that does not run, or does more than read, is refused."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from pgtide import AddColumn, Performance
from pgtide.errors import InvalidMigration
from pgtide.model.plan import Plan
from pgtide.postgres import query_plan
from pgtide.postgres.embedded import Server
from tests.catalog_snapshot import changes, snapshot
from tests.driving import plan_of, refusal
from tests.server import fresh_database
from tests.small_table import create_small, run, small_migration

NUMBER = small_migration(AddColumn("n", type="int", backfill="a"))


@pytest.fixture(scope="module")
def small(server: Server) -> Iterator[str]:
    """One database for all cases: none of them changes it."""
    with fresh_database(server) as url:
        create_small(url)
        run(
            url,
            "CREATE SEQUENCE public.s",
            "CREATE FUNCTION public.writes() RETURNS int LANGUAGE plpgsql AS"
            " 'BEGIN DELETE FROM public.t; RETURN 1; END'",
        )
        yield url


def planned(url: str, query: str) -> Plan:
    return plan_of(url, replace(NUMBER, verify=[Performance(query)]))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("DELETE FROM t", "delete is no query"),
        ("COMMIT", "transaction is no query"),
        ("EXPLAIN SELECT 1", "explain is no query"),
        ("SELECT 1; SELECT 2", "these are 2 statements; write one, and a Performance for each"),
        ("SELECT 1 FRMO t", "syntax error"),
        ("SELECT nosuch FROM t", 'column "nosuch" does not exist'),
        ("SELECT n FROM t", 'column "n" does not exist'),
        ("SELECT 1 FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 1 / (id - id) FROM t", "division by zero"),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", "read-only transaction"),
        ("SELECT writes()", "read-only transaction"),
        ("SELECT nextval('s')", "read-only transaction"),
        ("SELECT * FROM t FOR UPDATE", "read-only transaction"),
        ("SELECT * INTO other FROM t", "select into is no query"),
        ("SELECT set_config('transaction_read_only', 'off', true)", "changes the session"),
        ("SELECT pg_advisory_unlock_all()", "changes the session"),
        ("SELECT * FROM pgtide.event", "pgtide's own"),
    ],
)
def test_a_query_is_refused_with_its_reason(small: str, query: str, says: str) -> None:
    before = snapshot(small)
    error = refusal(lambda: planned(small, query))
    assert isinstance(error, InvalidMigration), error
    assert error.what.startswith("Performance 1: ")
    assert says in error.what
    assert changes(before, snapshot(small)) == []
    assert run(small, "SELECT is_called FROM public.s") == [(False,)]


def test_a_query_that_does_not_end_is_refused(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_plan, "LIMIT", timedelta(milliseconds=100))
    error = refusal(lambda: planned(small, "SELECT pg_sleep(30)"))
    assert "it does not end in" in error.what


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t",
        "TABLE public.t",
        "VALUES (1)",
        "SELECT t.*, x.a FROM ONLY public.t JOIN t AS x USING (id) WHERE t.a % 2 = 0",
        "WITH t AS (SELECT 1 AS one) SELECT one FROM t",
        "SELECT count(*) FILTER (WHERE a > 3) OVER (PARTITION BY id) FROM t LIMIT 3;",
        "SELECT id FROM public.t x WHERE EXISTS (SELECT FROM t WHERE t.a = x.a) -- a comment",
    ],
)
def test_a_query_that_reads_is_planned_with(small: str, query: str) -> None:
    before = snapshot(small)
    assert [one.query for one in planned(small, query).performance] == [query]
    assert changes(before, snapshot(small)) == []
