"""A type that changes under the one name: contract turns the triggers, and undo turns them back."""

from dataclasses import replace
from typing import Literal

import psycopg
import pytest

from pgtide import AddColumn, ReplaceColumn
from pgtide.model.migration import Migration
from tests.contracting import after_undo_of, contract, dump, purge, undone
from tests.driving import migrate, plan_of
from tests.roles import temporary_role
from tests.small_table import create_small, run, small_migration

_PAIRS = """
SELECT id, a, (to_jsonb(t) - 'id' - 'a' - 'b')::text FROM public.t WHERE id > 500 ORDER BY id
"""


def widened(column: str = "a") -> Migration:
    return small_migration(ReplaceColumn(column, type="bigint"))


def rest(url: str) -> list[tuple[object, ...]]:
    """Return the values of the rows of a test's own: the final column, and the retired one."""
    return [
        (key, value, hidden.split(": ")[1].rstrip("}"))
        for key, value, hidden in run(url, _PAIRS)
        if isinstance(hidden, str)
    ]


def test_the_final_name_has_the_word_and_the_old_column_follows(database: str) -> None:
    create_small(database)
    run(database, "ALTER TABLE public.t ALTER a SET NOT NULL, ALTER a SET DEFAULT 7")
    migrate(database, widened())
    before = dump(database)
    step = contract(database, widened())
    run(
        database,
        "INSERT INTO public.t (id, a) VALUES (501, 11)",
        "INSERT INTO public.t (id) VALUES (502)",
        "INSERT INTO public.t (id, a) VALUES (503, 0)",
        "UPDATE public.t SET a = a * 10 WHERE id = 501",
        "UPDATE public.t SET id = id + 100 WHERE id = 502",
    )
    assert rest(database) == [(501, 110, "110"), (503, 0, "0"), (602, 7, "7")]
    assert run(database, "SELECT pg_typeof(a)::text FROM public.t LIMIT 1") == [("bigint",)]
    undone(database, step)
    assert dump(database) == before
    run(
        database,
        "INSERT INTO public.t (id, a) VALUES (504, 12)",
        "UPDATE public.t SET a = 5 WHERE id=501",
    )
    assert rest(database)[:3] == [(501, 5, "5"), (503, 0, "0"), (504, 12, "12")]


def test_an_insert_that_names_no_columns_still_reaches_the_old_one(database: str) -> None:
    """Values are given by place there, and the old column keeps its place until purge."""
    create_small(database)
    migrate(database, widened())
    contract(database, widened())
    run(database, "INSERT INTO public.t VALUES (501, 11)")
    assert rest(database) == [(501, 11, "11")]


def test_a_row_whose_missing_value_is_in_step_gets_one_all_the_same(database: str) -> None:
    """`up` of nothing is 0: a new row of 0 passed the test, and the old NOT NULL column failed."""
    create_small(database)
    run(database, "ALTER TABLE public.t ALTER a SET NOT NULL")
    migration = small_migration(
        ReplaceColumn("a", type="bigint", up="coalesce(a, 0)::bigint", down="a::int")
    )
    migrate(database, migration)
    contract(database, migration)
    run(database, "INSERT INTO public.t (id, a) VALUES (501, 0)")
    assert rest(database) == [(501, 0, "0")]


def test_what_the_old_type_cannot_hold_fails_the_write(database: str) -> None:
    create_small(database)
    migrate(database, widened())
    contract(database, widened())
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        run(database, "INSERT INTO public.t (id, a) VALUES (501, 5000000000)")
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        run(database, "UPDATE public.t SET a = 5000000000 WHERE id = 1")


def test_what_the_old_type_cannot_hold_gives_up_the_way_back(database: str) -> None:
    create_small(database)
    run(database, "ALTER TABLE public.t ALTER a SET NOT NULL")
    migration = replace(widened(), on_unrepresentable="release")
    migrate(database, migration)
    before = dump(database)
    later = after_undo_of(database, migration)
    step = contract(database, migration)
    run(database, "UPDATE public.t SET a = 12 WHERE id = 2")
    for one in (step, *later):
        undone(database, one)
    assert dump(database) == before
    step = contract(database, migration)
    run(
        database,
        "INSERT INTO public.t (id, a) VALUES (501, 5000000000)",
        "UPDATE public.t SET a = 6000000000, id = 502 WHERE id = 2",
    )
    assert rest(database) == [(501, 5_000_000_000, "null"), (502, 6_000_000_000, "null")]
    with pytest.raises(psycopg.errors.RaiseException, match="the way back was released"):
        undone(database, step)
    assert run(database, "SELECT pg_typeof(a)::text FROM public.t LIMIT 1") == [("bigint",)]
    purge(database, migration)
    assert "pgtide" not in dump(database).replace("_pgtide_", "pgtide")


def test_an_added_column_that_is_written_from_a_replaced_one_goes_on(database: str) -> None:
    create_small(database)
    migration = small_migration(
        ReplaceColumn("a", type="bigint"),
        AddColumn("b", type="bigint", backfill="a", on_write="a + 1000"),
    )
    migrate(database, migration)
    before = dump(database)
    step = contract(database, migration)
    run(
        database,
        "INSERT INTO public.t (id, a) VALUES (501, 1)",
        "UPDATE public.t SET a = 2 WHERE id = 3",
    )
    assert run(database, "SELECT b FROM public.t WHERE id IN (3, 501) ORDER BY id") == [
        (1002,),
        (1001,),
    ]
    undone(database, step)
    assert dump(database) == before


def test_a_default_is_converted_as_values_are(database: str) -> None:
    create_small(database)
    run(
        database, "ALTER TABLE public.t ALTER a TYPE text, ALTER a SET DEFAULT 'no ' || 'one'::text"
    )
    up = "CASE WHEN a = 'no one' THEN -1 ELSE a::int END"
    migration = small_migration(
        ReplaceColumn(
            "a", type="int", up=up, down="CASE WHEN a = -1 THEN 'no one' ELSE a::text END"
        )
    )
    migrate(database, migration)
    before = dump(database)
    step = contract(database, migration)
    assert run(database, "INSERT INTO public.t (id) VALUES (501) RETURNING a") == [(-1,)]
    assert rest(database) == [(501, -1, '"no one"')]
    undone(database, step)
    assert dump(database) == before


def test_after_purge_the_type_has_changed_and_nothing_else(database: str) -> None:
    create_small(database)
    run(
        database,
        "ALTER TABLE public.t ALTER a SET NOT NULL, ALTER a SET DEFAULT 7",
        "CREATE INDEX t_a ON public.t (a) WHERE a > 3",
        "ALTER TABLE public.t ADD CONSTRAINT small CHECK (a < 1000000)",
    )
    before = dump(database)
    migrate(database, widened())
    contract(database, widened())
    purge(database, widened())
    now = dump(database)
    assert "pgtide_" not in now
    assert sorted(now.replace("a bigint", "a integer").replace(",", "").split("\n")) == sorted(
        before.replace(",", "").split("\n")
    )


def test_views_are_made_anew_where_the_type_changes_with_all_they_had(database: str) -> None:
    create_small(database)
    with temporary_role(database) as (role, _):
        run(
            database,
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {role}",
            "CREATE VIEW public.v WITH (security_barrier = true)"
            " AS SELECT id, a, a + 1 AS more FROM public.t",
            "CREATE VIEW public.w AS SELECT v.more, t.a FROM public.v JOIN public.t USING (id)",
            "CREATE VIEW public.x AS SELECT count(*) AS n FROM public.w",
            "REVOKE ALL ON public.v, public.w FROM PUBLIC",
            f"REVOKE ALL ON public.w FROM {role}",
            f"GRANT SELECT (more) ON public.w TO {role} WITH GRANT OPTION",
            f"ALTER VIEW public.x OWNER TO {role}",
            "ALTER VIEW public.v ALTER a SET DEFAULT 5",
            "COMMENT ON VIEW public.v IS 'it''s seen'",
            "COMMENT ON COLUMN public.v.more IS 'one more'",
            "CREATE FUNCTION public.instead() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN new; END'",
            "CREATE TRIGGER caught INSTEAD OF DELETE ON public.v FOR EACH ROW"
            " EXECUTE FUNCTION public.instead()",
            "COMMENT ON TRIGGER caught ON public.v IS 'nothing goes'",
        )
        first = dump(database)
        migrate(database, widened())
        before = dump(database)
        step = contract(database, widened())
        run(database, "UPDATE public.t SET a = 99 WHERE id = 1")
        assert run(database, "SELECT a, more, pg_typeof(a)::text FROM public.v WHERE id = 1") == [
            (99, 100, "bigint")
        ]
        undone(database, step)
        assert dump(database) == before
        contract(database, widened())
        purge(database, widened())
        assert dump(database).replace("a bigint", "a integer") == first
        run(database, f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM {role}")


def test_a_private_and_an_interim_name_in_one_migration(database: str) -> None:
    create_small(database)
    run(
        database,
        "ALTER TABLE public.t ADD n int NOT NULL DEFAULT 1",
        "ALTER TABLE public.t ALTER n DROP DEFAULT",
        "CREATE INDEX two ON public.t (a, n)",
        "CREATE VIEW public.v AS SELECT a, n FROM public.t",
    )
    migration = small_migration(
        ReplaceColumn("a", interim="a_v2", type="integer"),
        ReplaceColumn("n", type="bigint", up="n::bigint + a", down="(n - a)::int"),
    )
    migrate(database, migration)
    before = dump(database)
    step = contract(database, migration)
    run(
        database,
        "INSERT INTO public.t (id, a_v2, n) VALUES (501, 10, 13)",
        "INSERT INTO public.t (id, a, n) VALUES (502, 20, 23)",
        "UPDATE public.t SET n = 40, a = 30 WHERE id = 502",
    )
    assert run(database, "SELECT a, a_v2, n FROM public.t WHERE id > 500 ORDER BY id") == [
        (10, 10, 13),
        (30, 30, 40),
    ]
    undone(database, step)
    assert dump(database) == before
    assert run(database, "SELECT a, n FROM public.t WHERE id > 500 ORDER BY id") == [
        (10, 3),
        (30, 10),
    ]
    contract(database, migration)
    purge(database, migration)
    assert run(database, "SELECT a, n FROM public.v WHERE n = 40 AND a = 30") == [(30, 40)]


@pytest.mark.parametrize(
    ("mode", "says"),
    [("fail", "cannot hold fails"), ("release", "cannot hold passes and gives up the way back")],
)
def test_the_plan_says_what_becomes_of_values_that_the_old_column_cannot_hold(
    database: str, mode: Literal["fail", "release"], says: str
) -> None:
    """It was to be learnt from the application's first failing write after contract."""
    create_small(database)
    notes = " ".join(plan_of(database, replace(widened(), on_unrepresentable=mode)).notes)
    assert "a: from contract to purge each new value (bigint) is written to the old column" in notes
    assert says in notes
    same = small_migration(ReplaceColumn("a", interim="a_v2", type="integer"))
    assert "cannot hold" not in " ".join(plan_of(database, same).notes)
