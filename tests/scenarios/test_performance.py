"""Declared queries are measured before and after; a slower one keeps contract from beginning."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgtide import Migration, Performance, ReplaceColumn
from pgtide.errors import Refused
from pgtide.events import Event, QueryMeasured
from pgtide.ledger.performance import measured
from pgtide.ledger.run import Caller, Run
from pgtide.model.performance import MATTERS_BLOCKS, Measurement, Moment
from pgtide.model.state import State
from pgtide.phases.forward import opened
from pgtide.phases.performance import refuse_slower
from pgtide.postgres.embedded import Server
from pgtide.postgres.session import connect
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for
from tests.server import fresh_database
from tests.small_table import SMALL_ID, run, small_migration

ROWS = 100_000
BY_A = Performance("SELECT id FROM public.t WHERE a = 4711", runs=3)
WIDER = small_migration(ReplaceColumn("a", type="bigint"))
NEW = (
    "SELECT attname FROM pg_attribute WHERE attrelid = 'public.t'::regclass"
    " AND attname LIKE '\\_pgtide%'"
)


@pytest.fixture(scope="module")
def big(server: Server) -> Iterator[str]:
    """A table that is too big to be read for one row."""
    with fresh_database(server) as url:
        run(
            url,
            "CREATE TABLE public.t (id int PRIMARY KEY, a int, filler text DEFAULT repeat('x', 80))"
            " WITH (autovacuum_enabled = false)",
            f"INSERT INTO public.t SELECT g, g FROM generate_series(1, {ROWS}) g",
            "CREATE INDEX t_a ON public.t (a)",
            "ANALYZE public.t",
        )
        [(blocks,)] = run(url, "SELECT pg_relation_size('public.t') / 8192")
        assert isinstance(blocks, int)
        assert blocks > MATTERS_BLOCKS
        yield url


@pytest.fixture
def table(server: Server, big: str) -> Iterator[str]:
    with fresh_database(server, big.rsplit("/", 1)[1]) as url:
        yield url


def checking(*checks: Performance) -> Migration:
    return replace(WIDER, verify=checks)


def kept(url: str) -> dict[tuple[Moment, int], Measurement]:
    record = record_of(url, SMALL_ID)
    with connect(url, purpose="test") as session:
        return {(one.moment, one.ordinal): one for one in measured(session, record)}


def holding(url: str, migration: Migration, emit: list[Event]) -> Iterator[Run]:
    with opened(settings_for(url), Caller(actor=ACTOR, emit=emit.append), migration) as held:
        yield held


def new_column(url: str) -> str:
    [(name,)] = run(url, NEW)
    return str(name)


def index_new_column(url: str) -> None:
    run(url, f'CREATE INDEX ON public.t ("{new_column(url)}")', "ANALYZE public.t")


def unindex_new_column(url: str) -> None:
    """Take away whatever index finalize has built there."""
    for (name,) in run(
        url,
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a"
        " ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
        " WHERE i.indrelid = 'public.t'::regclass AND a.attname LIKE '\\_pgtide%'",
    ):
        run(url, f"DROP INDEX {name}")


def asked(url: str, migration: Migration) -> list[Event]:
    """Ask as contract will, and return what was heard."""
    heard: list[Event] = []
    for held in holding(url, migration, heard):
        refuse_slower(held)
    return heard


def test_a_missing_index_is_found_before_contract_and_not_after(table: str) -> None:
    migration = checking(BY_A)
    migrate(table, migration)
    unindex_new_column(table)
    error = refusal(lambda: asked(table, migration))
    assert isinstance(error, Refused)
    assert "query 1 (SELECT id FROM public.t WHERE a = 4711) reads the whole table" in error.what
    assert record_of(table, SMALL_ID).state is State.VERIFIED
    found = kept(table)
    assert found[Moment.BEFORE_EXPAND, 0].scans == 0
    assert found[Moment.BEFORE_CONTRACT, 0].scans == 1
    assert new_column(table) in found[Moment.BEFORE_CONTRACT, 0].plan
    index_new_column(table)
    assert [type(event) for event in asked(table, migration)].count(QueryMeasured) == 1
    assert kept(table)[Moment.BEFORE_CONTRACT, 0].scans == 0
