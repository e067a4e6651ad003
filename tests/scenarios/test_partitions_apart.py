"""What stands on one partition by itself; and several workers that share the partitions."""

from dataclasses import replace

import pytest

from pgtide import Backfill, ReplaceColumn
from pgtide.errors import Mismatched, Refused
from pgtide.model.state import State
from pgtide.phases.quarantine import Quarantined
from tests.driving import migrate, record_of
from tests.later import contract, purge
from tests.parted import OUT_OF_STEP, PARTED_ID, create_orders, orders_migration
from tests.scenarios.test_partitions_changing import small_batches
from tests.small_table import run


def test_a_rule_of_one_leaf_that_keeps_rows_from_being_filled_is_named(database: str) -> None:
    create_orders(database)
    run(database, "CREATE RULE mine AS ON UPDATE TO public.late DO INSTEAD NOTHING")
    # Without the other column, whose NOT NULL would not hold for rows that are not filled.
    state = ReplaceColumn("state", interim="state_v2", type="text")
    migration = replace(orders_migration(), changes=[state])

    with pytest.raises(Mismatched) as caught:
        migrate(database, migration)
    assert "rule mine of the partition public.late does something else" in caught.value.what
    run(database, "DROP RULE mine ON public.late")
    assert migrate(database, migration).state is State.VERIFIED


def test_what_somebody_hung_on_an_old_column_of_one_leaf_keeps_it_from_purge(
    database: str,
) -> None:
    create_orders(database)
    migrate(database, orders_migration())
    contract(database, PARTED_ID)
    run(database, "CREATE INDEX hung ON public.late (state_v2)")

    with pytest.raises(Refused, match=r"index public\.hung"):
        purge(database, PARTED_ID)
    assert record_of(database, PARTED_ID).state is State.CONTRACTED
    run(database, "DROP INDEX public.hung")
    assert purge(database, PARTED_ID).state is State.COMPLETED


def test_several_workers_share_the_leaves(database: str) -> None:
    create_orders(database, "hash", rows=20_000)
    three = replace(small_batches(database), workers=3)

    assert migrate(database, orders_migration(), settings=three).state is State.VERIFIED
    filled = "SELECT sum(rows)::int, count(DISTINCT worker_id) > 1 FROM pgtide.slice"
    assert run(database, filled) == [(20_000, True)]


def test_rows_that_cannot_be_filled_are_put_aside_by_their_leaf(database: str) -> None:
    create_orders(database)
    run(
        database,
        "UPDATE public.orders SET amount = -1 WHERE id IN (3, 7, 14, 2998)",
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'no'; END$$",
        "CREATE TRIGGER refuse AFTER UPDATE ON public.orders FOR EACH ROW"
        " WHEN (new.amount = -1) EXECUTE FUNCTION public.refuse()",
    )

    with pytest.raises(Quarantined, match=r"4 rows of public\.orders could not be filled"):
        migrate(database, orders_migration())
    held = "SELECT table_oid::regclass::text, (key->>'id')::int FROM pgtide.quarantine ORDER BY 2"
    assert run(database, held) == [("early", 3), ("late", 7), ("early", 14), ("late", 2998)]
    assert run(database, OUT_OF_STEP) == [(4,)]
    # One moves to the other leaf as it is mended, one is filled where it stands.
    run(
        database,
        "UPDATE public.orders SET amount = 1, day = 8 WHERE id = 3",
        "DELETE FROM public.orders WHERE id = 7",
        "DROP TRIGGER refuse ON public.orders",
    )
    assert migrate(database, orders_migration()).state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]
    left = "SELECT left_as FROM pgtide.quarantine ORDER BY (key->>'id')::int"
    # The key of the first holds the day: the row of that key is gone.
    assert run(database, left) == [("gone",), ("gone",), ("filled",), ("filled",)]


def test_a_canary_takes_its_share_of_every_leaf(database: str) -> None:
    create_orders(database, rows=20_000)
    careful = replace(orders_migration(), backfill=Backfill(canary="10%"))

    assert migrate(database, careful).state is State.VERIFIED
    leaves = "SELECT DISTINCT leaf::regclass::text FROM pgtide.slice WHERE canary = 'passed'"
    assert sorted(run(database, leaves)) == [("early",), ("late",)]
    assert run(database, OUT_OF_STEP) == [(0,)]
