"""What stands on one partition by itself; and several workers that share the partitions."""

from dataclasses import replace

import pytest

from pgtide import ReplaceColumn
from pgtide.errors import Mismatched, Refused
from pgtide.model.state import State
from tests.driving import migrate, record_of
from tests.later import contract, purge
from tests.parted import PARTED_ID, create_orders, orders_migration
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
