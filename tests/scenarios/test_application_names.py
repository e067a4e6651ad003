"""Types, functions and triggers of the application's own, named as the application names them."""

import pytest

from pgtide import AddColumn, Index, ReplaceColumn
from pgtide.model.state import State
from tests.driving import migrate, undo
from tests.small_table import SMALL_ID, create_small, run, small_migration


def test_types_and_functions_of_the_application_need_no_schema(database: str) -> None:
    create_small(database)
    run(
        database,
        "CREATE TYPE public.mood AS ENUM ('low', 'high')",
        "CREATE FUNCTION public.half(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1 / 2",
        "ALTER TABLE public.t ADD COLUMN feels mood DEFAULT 'low'",
    )
    migration = small_migration(
        AddColumn(
            "m", type="mood", backfill="CASE WHEN half(a) > 9 THEN 'high'::mood ELSE feels END"
        ),
        AddColumn("moods", type="mood[]", backfill="ARRAY[feels]"),
        ReplaceColumn("feels", type="mood", interim="feels_v2"),
        Index("t_m", on="m", where="m <> 'low'"),
    )
    assert migrate(database, migration).state is State.VERIFIED
    run(database, "INSERT INTO public.t (id, a, feels) VALUES (900, 100, 'high')")
    row = "SELECT m::text, moods::text, feels_v2::text FROM public.t WHERE id = 900"
    assert run(database, row) == [("high", "{high}", "high")]
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK


def test_a_trigger_of_the_application_finds_its_tables_without_a_schema(database: str) -> None:
    create_small(database)
    run(
        database,
        "CREATE TABLE public.audit (id int)",
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO audit VALUES (new.id); RETURN new; END $$",
        "CREATE TRIGGER note AFTER UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION note()",
    )
    migration = small_migration(AddColumn("n", type="int", backfill="a"))
    assert migrate(database, migration).state is State.VERIFIED
    assert run(database, "SELECT count(*) FROM public.audit") == [(500,)]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("interval", "30 days", "1 mon"),
        ("numeric", "1.0", "1.00"),
        ("float8", "0", "-0"),
        ("jsonb", '{"price": 1.0}', '{"price": 1.00}'),
        ("numeric[]", "{1.0}", "{1.00}"),
    ],
)
def test_a_write_of_an_equal_value_that_reads_otherwise_is_not_lost(
    database: str, kind: str, before: str, after: str
) -> None:
    run(
        database,
        f"CREATE TABLE public.t (id int PRIMARY KEY, a {kind})",
        f"INSERT INTO public.t VALUES (1, '{before}')",
    )
    migrate(database, small_migration(ReplaceColumn("a", type=kind, interim="b")))
    run(database, f"UPDATE public.t SET a = '{after}'")
    assert run(database, "SELECT a::text, b::text FROM public.t") == [(after, after)]
