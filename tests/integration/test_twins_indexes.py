"""What the old column's indexes are, the new column has too before contract: valid, equal."""

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.model.plan import Plan, Twin
from pgtide.model.state import State
from tests.driving import migrate, undo
from tests.schema import dumped
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.swapping import swapped, swapped_back

SAME = ReplaceColumn("a", type="int")
WIDER = ReplaceColumn("a", type="bigint", down="a::int")
# What the server must write of the twin, with the names that it will have after contract.
KINDS = {
    "plain": "CREATE INDEX one ON public.t (a)",
    "unique": "CREATE UNIQUE INDEX one ON public.t (a)",
    "partial": "CREATE INDEX one ON public.t (id) WHERE a > 5 AND s <> ' WHERE a'",
    "expression": "CREATE INDEX one ON public.t ((a % 7), (abs(a) + id))",
    "several columns, sorted": "CREATE INDEX one ON public.t (s, a DESC NULLS LAST, id)",
    "included": "CREATE INDEX one ON public.t (id) INCLUDE (a)",
    "another method": "CREATE INDEX one ON public.t USING hash (a) WITH (fillfactor=60)",
    "BRIN": "CREATE INDEX one ON public.t USING brin (a) WITH (pages_per_range=4)",
    "fillfactor and predicate": "CREATE INDEX one ON public.t (a) WITH (fillfactor=60) WHERE a > 1",
    "unique, NULLs alike": "CREATE UNIQUE INDEX one ON public.t (a, s) NULLS NOT DISTINCT",
}


@pytest.fixture
def table(database: str) -> str:
    create_small(database)
    run(database, "ALTER TABLE public.t ADD COLUMN s text DEFAULT 's'")
    return database


def index_named(url: str, name: str) -> tuple[object, ...]:
    """Return definition, validity and place of an index, in the server's words."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path = pg_catalog")
        found = connection.execute(
            "SELECT pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indisunique,"
            " i.indimmediate, c.reloptions, c.reltablespace, i.indnkeyatts, i.indoption::text,"
            " i.indcollation::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE c.relname = %s",
            (name,),
        ).fetchone()
    assert found is not None, f"there is no index {name}"
    return found


def only_twin(plan: Plan, kind: str) -> Twin:
    [twin] = [one for one in plan.twins if one.kind == kind]
    return twin


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_has_a_valid_twin_that_is_equal_once_the_names_are_swapped(
    table: str, kind: str
) -> None:
    run(table, KINDS[kind])
    before, shape = index_named(table, "one"), dumped(table, "public.t")
    record = migrate(table, small_migration(SAME))
    assert record.state is State.VERIFIED
    twin = only_twin(record.plan, "index")
    assert index_named(table, twin.twin)[1:3] == (True, True)
    assert index_named(table, "one") == before
    swapped(table, record.plan)
    after = index_named(table, "one")
    assert (after[0], after[1:8]) == (before[0], before[1:8])
    swapped_back(table, record.plan)
    assert undo(table, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(table, "public.t") == shape
