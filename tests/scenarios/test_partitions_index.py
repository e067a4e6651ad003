"""The index of a partitioned table: a frame, a part on each partition, attached one by one."""

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from pgtide import AddColumn, Index
from pgtide.errors import Failed
from pgtide.events import Event, StepEnded
from pgtide.model.migration import Migration
from pgtide.model.state import State
from tests.driving import migrate, undo
from tests.later import contract, purge
from tests.parted import PARTED_ID, create_orders, orders_migration
from tests.schema import dumped
from tests.small_table import run

INDEXES = (
    "SELECT x.relname::text, i.indisvalid, p.relname::text FROM pg_index i"
    " JOIN pg_class x ON x.oid = i.indexrelid LEFT JOIN pg_inherits h ON h.inhrelid = x.oid"
    " LEFT JOIN pg_class p ON p.oid = h.inhparent JOIN pg_class t ON t.oid = i.indrelid"
    " WHERE t.relnamespace = 'public'::regnamespace AND x.relname LIKE '%{}%' ORDER BY 1"
)


def indexed(*changes: Index) -> Migration:
    """Return a migration that only builds indexes on columns that are there."""
    return replace(orders_migration(), changes=list(changes))


def after(step: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """Return a listener that acts when a step has ended."""

    def listen(event: Event) -> None:
        if isinstance(event, StepEnded) and event.step == step and not event.skipped:
            act()

    return listen


def test_the_one_statement_that_looks_right_does_not_run(database: str) -> None:
    """The control: what finalize does to an ordinary table is refused by the server here."""
    create_orders(database)
    with psycopg.connect(database, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute("CREATE INDEX CONCURRENTLY mine ON public.orders (amount)")
        # And what fills an ordinary table reaches no row of this one.
        filled = connection.execute("UPDATE ONLY public.orders SET amount = amount")
        assert filled.rowcount == 0

    assert migrate(database, indexed(Index("mine", on="amount"))).state is State.VERIFIED
    assert run(database, INDEXES.format("mine")) == [
        ("early_mine", True, "mine"),
        ("late_mine", True, "mine"),
        ("mine", True, None),
    ]


def test_nested_partitions_have_frames_of_their_own(database: str) -> None:
    create_orders(database, "nested")
    before = dumped(database, "public.*")
    migrate(database, indexed(Index("mine", on="amount")))

    assert run(database, INDEXES.format("mine")) == [
        ("early_mine", True, "mine"),
        ("early_one_mine", True, "early_mine"),
        ("early_rest_mine", True, "early_mine"),
        ("late_mine", True, "mine"),
        ("mine", True, None),
    ]
    undo(database, PARTED_ID)
    assert dumped(database, "public.*") == before


@pytest.mark.parametrize(
    "step", ["finalize.index.mine", "finalize.index.early_mine", "finalize.attach.late_mine"]
)
@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE public.next PARTITION OF public.orders FOR VALUES FROM (10) TO (20)",
        "ALTER TABLE public.orders DETACH PARTITION public.late",
        "ALTER TABLE public.early RENAME TO earlier",
    ],
    ids=["comes", "goes", "renamed"],
)
def test_a_partition_that_changes_while_parts_are_built(
    database: str, step: str, change: str
) -> None:
    create_orders(database)
    changing = after(step, lambda: run(database, change))

    done = migrate(database, indexed(Index("mine", on="amount")), emit=changing)
    assert done.state is State.VERIFIED
    whole = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.mine'::regclass"
    assert run(database, whole) == [(True,)]
    without = (
        "SELECT count(*) FROM pg_inherits t WHERE inhparent = 'public.orders'::regclass AND NOT"
        " EXISTS (SELECT FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid"
        " WHERE i.indrelid = t.inhrelid AND h.inhparent = 'public.mine'::regclass)"
    )
    assert run(database, without) == [(0,)]


def test_each_part_has_the_name_of_the_one_it_replaces_after_contract(database: str) -> None:
    create_orders(database, "nested")
    names = INDEXES.format("state")
    before = run(database, names)
    migrate(database, orders_migration())
    contract(database, PARTED_ID)
    there = set(run(database, names))
    assert set(before) <= there
    purge(database, PARTED_ID)
    assert run(database, names) == before


def test_long_names_are_cut_and_do_not_collide(database: str) -> None:
    create_orders(database)
    for number in (1, 2):
        run(
            database,
            f"CREATE TABLE public.{'x' * 60}{number} PARTITION OF public.orders"
            f" FOR VALUES FROM ({number}0) TO ({number}5)",
        )
    before = dumped(database, "public.*")
    migrate(database, indexed(Index("mine" * 15, on="amount")))
    assert len(run(database, INDEXES.format("minemine"))) == 5
    undo(database, PARTED_ID)
    assert dumped(database, "public.*") == before


def test_rows_that_do_not_fit_a_unique_part_leave_no_half_of_it(database: str) -> None:
    create_orders(database)
    run(database, "UPDATE public.orders SET amount = 1 WHERE day = 7")
    migration = indexed(Index("mine", on=("amount", "day"), unique=True))

    with pytest.raises(Failed, match="do not fit the late's part of mine"):
        migrate(database, migration)
    assert run(database, INDEXES.format("late_mine")) == []
    run(database, "UPDATE public.orders SET amount = id WHERE day = 7")
    assert migrate(database, migration).state is State.VERIFIED


def test_a_name_that_somebody_else_has_given_is_left_alone(database: str) -> None:
    create_orders(database)
    run(database, "CREATE INDEX late_mine ON public.early (placed)")

    with pytest.raises(Failed, match=r"an index of public\.early is called late_mine"):
        migrate(database, indexed(Index("mine", on="amount")))
    run(database, "DROP INDEX public.late_mine")
    assert migrate(database, indexed(Index("mine", on="amount"))).state is State.VERIFIED


def test_a_new_column_alone_needs_no_row_to_be_filled(database: str) -> None:
    create_orders(database, "list")
    before = dumped(database, "public.*")
    plain = replace(orders_migration(), changes=[AddColumn("note", type="text")])

    assert migrate(database, plain).state is State.VERIFIED
    undo(database, PARTED_ID)
    assert dumped(database, "public.*") == before
