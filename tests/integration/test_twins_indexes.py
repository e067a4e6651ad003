"""What the old column's indexes are, the new column has too before contract: valid, equal."""

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.model.plan import Plan, Twin
from pgtide.model.state import Phase, State
from tests.driving import migrate, plan_of, undo
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


@pytest.mark.wide
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


def test_a_twin_lies_where_the_original_lies(table: str) -> None:
    place = f"place_{table.rsplit('_', 1)[1]}"
    with psycopg.connect(table, autocommit=True) as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute(f"CREATE TABLESPACE {place} LOCATION ''".encode())
    try:
        run(
            table,
            f"CREATE INDEX one ON public.t (a) WITH (fillfactor=60) TABLESPACE {place}"
            " WHERE s <> ' TABLESPACE '",
        )
        twin = only_twin(migrate(table, small_migration(SAME)).plan, "index")
        assert index_named(table, twin.twin)[6] == index_named(table, "one")[6] != 0
        undo(table, SMALL_ID)
    finally:
        run(table, "DROP INDEX public.one", f"DROP TABLESPACE {place}")


def test_an_index_that_only_looks_alike_is_built_again(table: str) -> None:
    """UNIQUE stands before the table's name: it has to be asked for by itself."""
    run(table, "CREATE UNIQUE INDEX one ON public.t (a) WHERE a > 3")
    plan = migrate(table, small_migration(SAME), until=Phase.BACKFILL).plan
    [step] = [step for step in plan.finalize if step.broken]
    [sql] = [statement.sql for statement in step.statements]
    seen = []
    for text in (sql.replace("UNIQUE ", ""), sql.replace("> 3", "> 4"), sql):
        run(table, text)
        seen.append((run(table, step.present), run(table, step.broken)))
        run(table, step.clear)
    assert seen == [([(False,)], [(True,)]), ([(False,)], [(True,)]), ([(True,)], [(False,)])]


def test_an_invalid_index_has_no_twin(table: str) -> None:
    run(table, "INSERT INTO public.t VALUES (9001, 1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(table, "CREATE UNIQUE INDEX CONCURRENTLY one ON public.t (a)")
    assert plan_of(table, small_migration(SAME)).twins == ()


@pytest.mark.parametrize(("unique", "told"), [("UNIQUE ", True), ("", False)])
def test_the_plan_says_what_a_second_unique_index_means_for_upserts(
    table: str, unique: str, told: bool
) -> None:
    run(table, f"CREATE {unique}INDEX one ON public.t (a)")
    notes = [note for note in plan_of(table, small_migration(SAME)).notes if "23505" in note]
    assert [note.split(" is ")[0] for note in notes] == (["finalize: one"] if told else [])
