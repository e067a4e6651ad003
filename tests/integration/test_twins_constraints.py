"""Constraints, statistics and settings of the old column: the new one has them before contract."""

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.model.plan import Plan
from pgtide.model.state import State
from tests.driving import migrate, undo
from tests.schema import dumped
from tests.small_table import ROWS, SMALL_ID, create_small, run, small_migration
from tests.swapping import swapped, swapped_back

SAME = ReplaceColumn("a", type="int")
WIDER = ReplaceColumn("a", type="bigint", down="a::int")
ADD = "ALTER TABLE public.t ADD CONSTRAINT one "
KINDS = {
    "UNIQUE": ADD + "UNIQUE (a)",
    "UNIQUE, deferred": ADD + "UNIQUE (a) DEFERRABLE INITIALLY DEFERRED",
    "UNIQUE, deferrable, several columns": ADD + "UNIQUE (b, a) INCLUDE (c) DEFERRABLE",
    "UNIQUE, NULLs alike, fillfactor": ADD + "UNIQUE NULLS NOT DISTINCT (a) WITH (fillfactor=70)",
    "CHECK": ADD + "CHECK (a > 0 AND a <> 77777)",
    "CHECK over columns, not inherited": ADD + "CHECK (a <= b OR c = ' a ') NO INHERIT",
    "CHECK that was not validated": ADD + "CHECK (a < 1000000) NOT VALID",
    "foreign key": ADD + "FOREIGN KEY (a) REFERENCES public.parent (id)",
    "foreign key with actions": ADD + "FOREIGN KEY (a) REFERENCES public.parent (id)"
    " ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
    "foreign key over columns": ADD + "FOREIGN KEY (a, b) REFERENCES public.parent (id, b)"
    " MATCH FULL ON UPDATE RESTRICT",
    "foreign key that sets one column": ADD + "FOREIGN KEY (a, b)"
    " REFERENCES public.parent (id, b) ON DELETE SET NULL (a)",
    "foreign key to itself": ADD + "FOREIGN KEY (a) REFERENCES public.t (id) ON DELETE CASCADE",
    "foreign key that was not validated": ADD
    + "FOREIGN KEY (a) REFERENCES public.parent (id) NOT VALID",
    "statistics": "CREATE STATISTICS one ON a, b FROM public.t",
    "statistics of some kinds": "CREATE STATISTICS one (mcv, dependencies) ON a, c FROM public.t",
    "statistics of expressions": "CREATE STATISTICS one ON (a % 7), b, (abs(a)) FROM public.t",
    "statistics of one expression": "CREATE STATISTICS one ON (a * 2) FROM public.t",
    "a comment on a constraint": ADD
    + "CHECK (a > 0); COMMENT ON CONSTRAINT one ON public.t IS 'it''s 100% \\ fine'",
    "a comment on an index": "CREATE INDEX one ON public.t (a); COMMENT ON INDEX one IS 'an index'",
    "a comment and a target of statistics": "CREATE STATISTICS one ON a, b FROM public.t;"
    " COMMENT ON STATISTICS one IS 'both'; ALTER STATISTICS one SET STATISTICS 321",
    "a target of statistics": "ALTER TABLE public.t ALTER COLUMN a SET STATISTICS 321",
    "n_distinct": "ALTER TABLE public.t ALTER COLUMN a SET (n_distinct = -0.5)",
}
TEXTS = {
    "storage": "ALTER TABLE public.t ALTER COLUMN c SET STORAGE EXTERNAL",
    "compression": "ALTER TABLE public.t ALTER COLUMN c SET COMPRESSION pglz",
}


@pytest.fixture
def table(database: str) -> str:
    create_small(database)
    run(
        database,
        "ALTER TABLE public.t ADD COLUMN b int, ADD COLUMN c text",
        "UPDATE public.t SET b = a, c = 'c'",
        "CREATE TABLE public.parent (id int PRIMARY KEY, b int, UNIQUE (id, b))",
        f"INSERT INTO public.parent SELECT g, g FROM generate_series(1, {ROWS}) g",
    )
    return database


def original_lines(dump: str, plan: Plan | None = None) -> list[str]:
    """Return the dump's lines without the order of columns, nor what has a private name."""
    hidden = [f"_pgtide_{plan.tag}"] if plan else []
    lines = [line.strip().rstrip(",") for line in dump.splitlines()]
    return sorted(line for line in lines if not any(mark in line for mark in hidden))


def constraint(url: str, name: str) -> list[tuple[object, ...]]:
    return run(
        url,
        "SELECT contype, convalidated, condeferrable, condeferred FROM pg_constraint"
        f" WHERE conrelid = 'public.t'::regclass AND conname = '{name}'",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_column_has_is_there_again_once_the_names_are_swapped(
    table: str, kind: str
) -> None:
    with psycopg.connect(table, autocommit=True) as connection:
        connection.execute(KINDS[kind].encode())
    shape, before = dumped(table, "public.t"), constraint(table, "one")
    record = migrate(table, small_migration(SAME))
    assert record.state is State.VERIFIED
    assert all(not twin.name or twin.original for twin in record.plan.twins)
    swapped(table, record.plan)
    after = dumped(table, "public.t")
    missing = set(original_lines(shape)) - set(original_lines(after))
    assert missing == set()
    assert constraint(table, "one") == before
    swapped_back(table, record.plan)
    assert undo(table, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(table, "public.t") == shape
