"""What names an interim column means whatever has that name, and keeps the column from purge."""

import pytest

from pgtide import ReplaceColumn
from pgtide.errors import StatementFailed
from tests.contracting import contract, dump, purge, undone
from tests.driving import migrate
from tests.following import Following, answer, migration
from tests.small_table import create_small, run, small_migration

_NAIVE = (
    "ALTER TABLE public.t RENAME COLUMN a TO between",
    "ALTER TABLE public.t RENAME COLUMN a_v2 TO a",
    "ALTER TABLE public.t RENAME COLUMN between TO a_v2",
)
CASES = {
    "DROP TRIGGER audited ON public.t": Following(
        name="trigger audited on table t",
        setup=(
            "CREATE TABLE public.audit (became int)",
            (
                "CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN INSERT INTO public.audit VALUES (new.a_v2); RETURN NULL; END'"
            ),
            (
                "CREATE TRIGGER audited AFTER UPDATE OF a_v2 ON public.t FOR EACH ROW"
                " EXECUTE FUNCTION public.noted()"
            ),
            "COMMENT ON TRIGGER audited ON public.t IS 'who changed it'",
        ),
        probe=("UPDATE public.t SET a_v2 = 99 WHERE id = 1", "SELECT * FROM public.audit"),
        right=[(99,)],
    ),
    "DROP PUBLICATION chosen": Following(
        name="publication chosen",
        setup=("CREATE PUBLICATION chosen FOR TABLE public.t (id, a_v2)",),
        probe=("SELECT attnames FROM pg_publication_tables WHERE pubname = 'chosen'",),
        right=[(["id", "a_v2"],)],
    ),
    "DROP VIEW public.v": Following(
        name="view v",
        setup=("CREATE VIEW public.v AS SELECT id, a_v2 FROM public.t WHERE a_v2 > 0",),
        probe=(
            (
                "SELECT column_name::text FROM information_schema.view_column_usage"
                " WHERE view_name = 'v' ORDER BY 1"
            ),
        ),
        right=[("a_v2",), ("id",)],
    ),
    "DROP POLICY few ON public.t": Following(
        name="policy few on table t",
        setup=("CREATE POLICY few ON public.t USING (a_v2 < 3) WITH CHECK (a_v2 < 2)",),
        probe=("SELECT qual, with_check FROM pg_policies WHERE policyname = 'few'",),
        right=[("(a_v2 < 3)", "(a_v2 < 2)")],
    ),
    "DROP FUNCTION public.f": Following(
        name=r"function f\(\)",
        setup=(
            (
                "CREATE FUNCTION public.f() RETURNS bigint STABLE LANGUAGE sql BEGIN ATOMIC"
                " SELECT sum(a_v2) FROM public.t; END"
            ),
        ),
        probe=("SELECT pg_get_functiondef('public.f'::regproc) LIKE '%a_v2%'",),
        right=[(True,)],
    ),
}


@pytest.mark.wide
@pytest.mark.parametrize(("drop", "case"), CASES.items(), ids=str)
def test_it_follows_the_interim_name(database: str, drop: str, case: Following) -> None:
    create_small(database)
    migrate(database, migration(case))
    run(database, *case.setup)
    assert answer(database, case, "") == case.right
    assert answer(database, case, "", ahead=_NAIVE) != case.right
    before = dump(database)
    step = contract(database, migration(case))
    assert answer(database, case, "") == case.right
    undone(database, step)
    assert dump(database) == before
    assert answer(database, case, "") == case.right
    contract(database, migration(case))
    with pytest.raises(StatementFailed, match=f"{case.name} depends on column a_v2"):
        purge(database, migration(case))
    run(database, drop)
    purge(database, migration(case))
    assert "a_v2 integer" not in dump(database)


def test_a_generated_column_goes_on_by_number(database: str) -> None:
    """It reads equal values under either name, and could not be said again without a rewrite."""
    case = CASES["DROP VIEW public.v"]
    create_small(database)
    migrate(database, migration(case))
    run(database, "ALTER TABLE public.t ADD twice int GENERATED ALWAYS AS (a_v2 * 2) STORED")
    before = dump(database)
    step = contract(database, migration(case))
    undone(database, step)
    assert dump(database) == before
    contract(database, migration(case))
    purge(database, migration(case))
    run(database, "UPDATE public.t SET a = 50 WHERE id = 1")
    assert run(database, "SELECT twice FROM public.t WHERE id = 1") == [(100,)]


@pytest.mark.parametrize("said", ["'a number'", "NULL"])
def test_what_is_said_of_the_interim_name_stays_with_it(database: str, said: str) -> None:
    """A comment goes by number: "drop me after 2.2" came to stand on the final name for good."""
    create_small(database)
    swap = small_migration(ReplaceColumn("a", interim="a_v2", type="integer"))
    run(database, f"COMMENT ON COLUMN public.t.a IS {said}")
    first = dump(database)
    migrate(database, swap)
    run(database, "COMMENT ON COLUMN public.t.a_v2 IS 'drop me after 2.2'")
    before, names = dump(database), comments(database)
    step = contract(database, swap)
    assert comments(database) == names
    undone(database, step)
    assert dump(database) == before
    contract(database, swap)
    purge(database, swap)
    assert dump(database) == first


def comments(url: str) -> list[tuple[object, ...]]:
    return run(
        url,
        "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = 'public.t'::regclass AND attname LIKE 'a%' ORDER BY 1",
    )
