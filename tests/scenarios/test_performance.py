"""Declared queries are measured before and after; a slower one keeps contract from beginning."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from cli.display.status_table import detail
from pgtide import Migration, Performance, ReplaceColumn
from pgtide.errors import Refused
from pgtide.events import Event, QueryMeasured
from pgtide.ledger.performance import measured
from pgtide.ledger.run import Caller, Run
from pgtide.model.performance import MATTERS_BLOCKS, Measurement, Moment
from pgtide.model.state import Phase, State
from pgtide.operate.history import lines
from pgtide.operate.status import status_of
from pgtide.phases.forward import opened
from pgtide.phases.performance import measure, refuse_slower
from pgtide.postgres import query_plan
from pgtide.postgres.embedded import Server
from pgtide.postgres.session import connect
from pgtide.report.performance_table import performance
from pgtide.report.verification_table import to_rows
from tests.catalog_snapshot import changes, snapshot
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.later import contract
from tests.server import fresh_database
from tests.small_table import SMALL_ID, run, small_migration

pytestmark = pytest.mark.long

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


@contextmanager
def holding(url: str, migration: Migration) -> Iterator[tuple[Run, list[Event]]]:
    heard: list[Event] = []
    with opened(settings_for(url), Caller(actor=ACTOR, emit=heard.append), migration) as held:
        yield held, heard


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
    with holding(url, migration) as (held, heard):
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


def test_the_query_is_measured_before_expand_and_after_finalize(table: str) -> None:
    heard: list[Event] = []
    migrate(table, checking(BY_A, Performance("SELECT 1", max_ms=1000)), emit=heard.append)
    found = kept(table)
    assert set(found) == {
        (moment, ordinal)
        for moment in (Moment.BEFORE_EXPAND, Moment.AFTER_FINALIZE)
        for ordinal in (0, 1)
    }
    assert all((one.median_ms or 0) > 0 and one.blocks > 0 for one in found.values())
    names = [type(event).__name__ for event in heard]
    # Before the first change, and after the last.
    assert names.index("QueryMeasured") < names.index("StepBegan")
    assert names.index("SweepEnded") < len(names) - 1 - names[::-1].index("QueryMeasured")


def test_what_was_measured_before_expand_is_never_measured_again(table: str) -> None:
    migration = checking(BY_A)
    migrate(table, migration, until=Phase.EXPAND)
    before = kept(table)
    run(table, f"UPDATE pgtide.migration SET state = 'expanding' WHERE id = '{SMALL_ID}'")
    migrate(table, migration)
    after = kept(table)
    assert after[Moment.BEFORE_EXPAND, 0] == before[Moment.BEFORE_EXPAND, 0]
    assert run(table, "SELECT count(*) FROM pgtide.performance WHERE moment = 'before_expand'") == [
        (1,)
    ]


def test_a_breached_limit_keeps_contract_from_beginning(table: str) -> None:
    query = "SELECT count(*) FROM t a JOIN t b USING (filler) WHERE a.id < 40"
    migration = checking(Performance(query, max_ms=1, runs=1))
    migrate(table, migration)
    error = refusal(lambda: asked(table, migration))
    assert isinstance(error, Refused)
    assert "more than 1 ms; before expand it was" in error.what
    assert record_of(table, SMALL_ID).state is State.VERIFIED


def test_a_query_that_ends_no_more_keeps_contract_from_beginning(
    table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = checking(Performance("SELECT pg_sleep(0.5)", runs=1))
    migrate(table, migration)
    monkeypatch.setattr(query_plan, "LIMIT", timedelta(milliseconds=100))
    error = refusal(lambda: asked(table, migration))
    assert "does not end in time; before expand it was 50" in error.what
    assert kept(table)[Moment.BEFORE_CONTRACT, 0].median_ms is None


def test_names_that_are_swapped_are_read_as_they_will_be(table: str) -> None:
    """Both names are in use: the query must be asked of the new column, not of the old one."""
    migration = replace(
        small_migration(ReplaceColumn("a", type="int", interim="a_v2")), verify=[BY_A]
    )
    migrate(table, migration)
    plan = kept(table)[Moment.AFTER_FINALIZE, 0].plan
    assert "a_v2 = 4711" in plan
    # Contract done by hand: from now on the query is asked as it stands.
    run(
        table,
        "ALTER TABLE public.t RENAME COLUMN a TO x",
        "ALTER TABLE public.t RENAME COLUMN a_v2 TO a",
        "ALTER TABLE public.t RENAME COLUMN x TO a_v2",
    )
    with holding(table, migration) as (held, _):
        [after] = measure(held, Moment.AFTER_CONTRACT)
    assert "a = 4711" in after.plan
    assert "a_v2" not in after.plan


def test_a_new_attempt_is_measured_anew(table: str) -> None:
    migrate(table, checking(BY_A))
    undo(table, SMALL_ID)
    assert not kept(table).keys() - {
        (Moment.BEFORE_EXPAND, 0),
        (Moment.AFTER_FINALIZE, 0),
    }
    migrate(table, checking(BY_A), until=Phase.EXPAND)
    assert set(kept(table)) == {(Moment.BEFORE_EXPAND, 0)}


def test_measuring_leaves_nothing_behind(table: str) -> None:
    migration = checking(BY_A)
    migrate(table, migration)
    before = snapshot(table)
    with holding(table, migration) as (held, _):
        measure(held, Moment.BEFORE_CONTRACT)
    found = [line for line in changes(before, snapshot(table)) if " pgtide." not in line]
    assert found == []


def test_without_a_declared_query_nothing_is_measured(table: str) -> None:
    heard: list[Event] = []
    migrate(table, WIDER, emit=heard.append)
    asked(table, WIDER)
    assert kept(table) == {}
    assert not [event for event in heard if isinstance(event, QueryMeasured)]


def test_status_tells_what_was_measured_and_what_is_against_it(table: str) -> None:
    migration = checking(BY_A)
    migrate(table, migration)
    unindex_new_column(table)
    refusal(lambda: asked(table, migration))
    with connect(table, purpose="test") as session:
        status = status_of(session, settings_for(table), record_of(table, SMALL_ID))
        told = [line.text for line in lines(session, SMALL_ID) if line.kind == "measured"]
    [query] = status.queries
    assert (query.query, query.moment) == (BY_A.query, "before_contract")
    assert query.before_ms is not None
    assert "reads the whole table" in query.objections[0]
    assert told[0] == "queries measured before expand: nothing against them"
    assert "reads the whole table" in told[-1]
    page = io.StringIO()
    Console(file=page, width=200).print(detail(status))
    assert "reads the whole table" in page.getvalue()
    assert to_rows(performance(status.queries))[0]["measured"] == "before contract"


def test_contract_asks_before_and_measures_after(table: str) -> None:
    migration = checking(BY_A)
    migrate(table, migration)
    assert contract(table, SMALL_ID).state is State.CONTRACTED
    found = kept(table)
    assert set(found) == {(moment, 0) for moment in Moment}
    assert {one.scans for one in found.values()} == {0}
    # Not through a view any more: the name is the new column's.
    assert "a = " in found[Moment.AFTER_CONTRACT, 0].plan
    assert "_pgtide" not in found[Moment.AFTER_CONTRACT, 0].plan


def test_contract_is_refused_for_a_query_that_would_read_the_whole_table(table: str) -> None:
    migration = checking(BY_A)
    migrate(table, migration)
    unindex_new_column(table)
    error = refusal(lambda: contract(table, SMALL_ID))
    assert isinstance(error, Refused)
    assert "reads the whole table" in error.what
    assert record_of(table, SMALL_ID).state is State.VERIFIED
    assert new_column(table)
