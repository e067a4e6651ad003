"""A partitioned table goes the whole way, leaf by leaf, and every way back."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgtide.backfill.terrain_of import terrain_of
from pgtide.changes.part_index import with_parts
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import LockNotAcquired
from pgtide.events import Event, StepEnded
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from pgtide.model.table import TableName
from pgtide.operate.plan import Progressed, statements, walk
from pgtide.operate.restore import restore
from pgtide.phases.counting import counting
from pgtide.phases.estimate import estimate
from pgtide.phases.preflight import preflight
from pgtide.postgres.activity import capacity
from pgtide.postgres.content import Content, content
from pgtide.postgres.leaves import largest_leaf, read_leaves
from pgtide.postgres.session import connect
from pgtide.postgres.unindexed import read_parts
from tests.backed_up import backing_up, empty_database
from tests.driving import ACTOR, migrate, patient, record_of, settings_for, undo
from tests.later import contract, later_settings, purge, to_verified
from tests.parted import KINDS, OUT_OF_STEP, PARTED_ID, create_orders, orders_migration
from tests.psql import undo_from_psql
from tests.schema import dumped
from tests.small_table import run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.wide
def test_to_verified_and_back(database: str, kind: str) -> None:
    create_orders(database, kind)
    before = dumped(database, "public.*")

    assert migrate(database, orders_migration()).state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]
    assert undo(database, PARTED_ID).state is State.ROLLED_BACK
    assert dumped(database, "public.*") == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.wide
def test_through_contract_and_back(database: str, kind: str) -> None:
    create_orders(database, kind)
    before = dumped(database, "public.*")
    migrate(database, orders_migration())
    verified = dumped(database, "public.*")

    assert contract(database, PARTED_ID).state is State.CONTRACTED
    assert to_verified(database, PARTED_ID).state is State.VERIFIED
    assert dumped(database, "public.*") == verified
    assert contract(database, PARTED_ID).state is State.CONTRACTED
    assert undo(database, PARTED_ID).state is State.ROLLED_BACK
    assert dumped(database, "public.*") == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.wide
def test_to_its_end(database: str, kind: str) -> None:
    create_orders(database, kind)
    rows = "SELECT id, day, state, amount, paid_at FROM public.orders ORDER BY id"
    migrate(database, orders_migration())
    held = run(database, rows)

    contract(database, PARTED_ID)
    assert purge(database, PARTED_ID).state is State.COMPLETED
    assert run(database, rows) == held
    left = dumped(database, "public.*")
    assert "pgtide" not in left
    assert "_v2" not in left


@pytest.mark.parametrize("kind", ["range", "nested"])
@pytest.mark.parametrize("contracted", [False, True])
def test_undone_from_psql(database: str, kind: str, contracted: bool) -> None:
    create_orders(database, kind)
    before = dumped(database, "public.*")
    migrate(database, orders_migration())
    [[filled]] = run(database, "SELECT count(*) FROM public.orders WHERE paid_at IS NOT NULL")
    if contracted:
        contract(database, PARTED_ID)

    answer = undo_from_psql(database, "1.0.0")
    assert answer.undone, answer
    assert dumped(database, "public.*") == before
    assert run(database, "SELECT count(*) FROM pgtide.archive") == [(filled,)]


def test_a_write_during_an_undo_from_psql_is_kept_in_its_tables_own_columns(database: str) -> None:
    """The partition has its columns in another order than the table."""
    create_orders(database)
    migrate(database, orders_migration())
    key = "SELECT id, day FROM public.late WHERE state = 'new' ORDER BY id LIMIT 1"
    [(id_, day)] = run(database, key)
    with psycopg.connect(database) as reader, ThreadPoolExecutor() as beside:
        reader.execute("SELECT FROM public.late LIMIT 1")
        undoing = beside.submit(undo_from_psql, database, "1.0.0")
        wait_for_the_archive(database)
        run(database, f"UPDATE public.orders SET state = 'paid' WHERE id = {id_}")
        reader.rollback()
        answer = undoing.result()

    assert answer.undone, answer
    kept = f"SELECT key->>'day' FROM pgtide.archive WHERE key->>'id' = '{id_}'"
    assert run(database, kept) == [(str(day),)]
    assert run(database, f"SELECT state FROM public.late WHERE id = {id_}") == [("paid",)]


def wait_for_the_archive(url: str) -> None:
    """Wait until every write is written down, and the undo is behind the reader's lock."""
    waiting = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1885828215"
        " AND mode = 'ExclusiveLock' AND granted"
    )
    for _ in range(500):
        if run(url, waiting) == [(1,)]:
            return
        time.sleep(0.02)
    raise AssertionError("the undo does not begin to watch")


def test_the_backup_holds_each_leaf_and_comes_back(database: str, tmp_path: Path) -> None:
    create_orders(database, "nested")
    settings = replace(backing_up(database, tmp_path), backup_first=True)
    migrate(database, orders_migration(), until=Phase.BACKUP, settings=settings)

    leaves = "SELECT tableoid::regclass::text, count(*), sum(id) FROM public.orders GROUP BY 1"
    with empty_database(database, "parted_back") as name:
        caller = Caller(actor=ACTOR)
        restore(settings, caller, record_of(database, PARTED_ID), into=name)
        other = make_conninfo(database, dbname=name)
        assert sorted(run(other, leaves)) == sorted(run(database, leaves))


def test_the_plan_and_the_estimate_are_about_all_leaves(database: str) -> None:
    create_orders(database, rows=20_000)
    with connect(database, purpose="test") as session:
        settings = settings_for(database)
        plan = preflight(session, settings, orders_migration())
        found = estimate(session, settings, plan, clock=SYSTEM_CLOCK)
        terrains = [
            terrain_of(session, plan, leaf.oid) for leaf in read_leaves(session, plan.table_oid)
        ]
        told = walk(settings, plan, terrains, capacity(session))
    assert found is not None
    assert found.rows.low <= 20_000 <= found.rows.high
    assert told.blocks == sum(one.blocks for one in terrains) > 0
    assert told.why.startswith("2 partitions, the largest: ")


def test_the_plan_shows_each_part_of_an_index_and_its_attachment(database: str) -> None:
    create_orders(database, "nested")
    with connect(database, purpose="test") as session:
        settings = settings_for(database)
        plan = preflight(session, settings, orders_migration())
        parts = read_parts(session, plan.table_oid)
        leaf = largest_leaf(session, plan.table_oid)
    shown = with_parts(plan, parts)
    rows = statements(shown, settings, Progressed(), verify_sql=counting(plan, leaf), leaf=leaf)
    planned = [row.sql for row in rows if "orders_paid" in row.sql]

    heard: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepEnded) and "orders_paid" in event.step:
            heard.append(event.step)

    migrate(database, orders_migration(), emit=listen)
    assert [row.step for row in rows if "orders_paid" in row.sql] == shown_twice(heard)
    assert planned[0].startswith('CREATE INDEX "orders_paid" ON ONLY "public"."orders"')
    assert any("ATTACH PARTITION" in text for text in planned)
    assert leaf is not None
    [filling] = [row.sql for row in rows if row.step == "backfill.rows"]
    assert filling.startswith(f'UPDATE ONLY "public"."{leaf.name}"')


def shown_twice(steps: list[str]) -> list[str]:
    """Return each step as often as it has statements: a frame is made and attached in one."""
    return [
        one for step in steps for one in [step] * (2 if step.endswith(".early_orders_paid") else 1)
    ]


def test_the_content_of_a_table_tells_which_leaf_holds_a_row(database: str) -> None:
    create_orders(database)
    table = TableName(schema="public", name="orders")

    def read() -> Content:
        with connect(database, purpose="test") as session, session.transaction():
            return content(session, table)

    before = read()
    run(database, "ALTER TABLE public.late RENAME TO later")
    assert read().rows == before.rows
    assert read().hashes != before.hashes


def test_who_holds_one_leaf_alone_is_named_and_nothing_is_half_done(database: str) -> None:
    create_orders(database)
    migrate(database, orders_migration())
    brief = patient(later_settings(database), tries=2)
    with psycopg.connect(database) as reader:
        reader.execute("SELECT FROM public.late LIMIT 1")
        with pytest.raises(LockNotAcquired) as caught:
            contract(database, PARTED_ID, settings=brief)
        assert f"pid {reader.info.backend_pid}" in caught.value.what
    assert contract(database, PARTED_ID).state is State.CONTRACTED
