"""Constraints, statistics and settings of the old column: the new one has them before contract."""

import psycopg
import pytest

from pgtide import Index, ReplaceColumn
from pgtide.errors import InvalidMigration, Mismatched, Refused
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from pgtide.phases.verify_again import verify_again
from tests.driving import ACTOR, migrate, plan_of, refusal, settings_for, undo
from tests.integration.test_plan_locks import held_by
from tests.roles import temporary_role
from tests.schema import dumped
from tests.small_table import ROWS, SMALL_ID, create_small, run, small_migration
from tests.swapping import quoted, swapped, swapped_back

SAME = ReplaceColumn("a", type="int")
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
    "foreign key to a partitioned table": "CREATE TABLE public.parts (id int PRIMARY KEY)"
    " PARTITION BY RANGE (id); CREATE TABLE public.low PARTITION OF public.parts"
    " FOR VALUES FROM (0) TO (100); CREATE TABLE public.high PARTITION OF public.parts"
    " FOR VALUES FROM (100) TO (1000); INSERT INTO public.parts SELECT id FROM public.parent; "
    + ADD
    + "FOREIGN KEY (a) REFERENCES public.parts (id)",
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
STORED = (
    "ALTER TABLE public.t ALTER COLUMN c SET STORAGE EXTERNAL",
    "ALTER TABLE public.t ALTER COLUMN c SET COMPRESSION pglz",
    "ALTER TABLE public.t ALTER COLUMN c SET STATISTICS 7",
)


def create(url: str) -> None:
    """Create a table that holds each of these, and another for it to refer to."""
    create_small(url)
    run(
        url,
        "ALTER TABLE public.t ADD COLUMN b int, ADD COLUMN c text",
        "UPDATE public.t SET b = a, c = 'c'",
        "CREATE TABLE public.parent (id int PRIMARY KEY, b int, UNIQUE (id, b))",
        f"INSERT INTO public.parent SELECT g, g FROM generate_series(1, {ROWS}) g",
    )


@pytest.fixture
def table(database: str) -> str:
    create(database)
    return database


def original_lines(dump: str) -> list[str]:
    """Return the dump's lines without the order of columns and of what is said of them."""
    return sorted(line.strip().rstrip(",") for line in dump.splitlines())


def constraint(url: str, name: str) -> list[tuple[object, ...]]:
    return run(
        url,
        "SELECT contype, convalidated, condeferrable, condeferred FROM pg_constraint"
        f" WHERE conrelid = 'public.t'::regclass AND conname = '{name}'",
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.wide
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


def settings(url: str, column: str) -> list[tuple[object, ...]]:
    return run(
        url,
        "SELECT attstorage, attcompression, attstattarget FROM pg_attribute"
        f" WHERE attrelid = 'public.t'::regclass AND attname = '{column}'",
    )


def test_what_is_set_for_a_column_is_set_before_its_first_value_is_stored(table: str) -> None:
    run(table, *STORED)
    record = migrate(table, small_migration(ReplaceColumn("c", type="text")), until=Phase.EXPAND)
    [one] = record.plan.replacements
    assert settings(table, one.new) == settings(table, "c") == [("e", "p", 7)]


def test_a_type_that_cannot_be_stored_elsewhere_does_without(table: str) -> None:
    run(table, *STORED, "UPDATE public.t SET c = '5'")
    change = ReplaceColumn("c", type="int", up="c::int", down="c::text")
    record = migrate(table, small_migration(change))
    [one] = record.plan.replacements
    assert settings(table, one.new) == [("p", "", 7)]


# What verification must miss where it was taken away after finalize.
TAKEN_AWAY = {
    "CREATE INDEX one ON public.t (a)": ("index", "DROP INDEX public.{}", "is missing"),
    ADD + "UNIQUE (a)": ("constraint", "ALTER TABLE public.t DROP CONSTRAINT {}", "is missing"),
    ADD + "CHECK (a > 0)": (
        "constraint",
        "ALTER TABLE public.t DROP CONSTRAINT {0}, ADD CONSTRAINT {0} CHECK (a > -5)",
        "is CHECK ((a > '-5'::integer)), planned CHECK",
    ),
    ADD + "FOREIGN KEY (a) REFERENCES public.parent": (
        "constraint",
        "ALTER TABLE public.t DROP CONSTRAINT {}",
        "is missing",
    ),
    "CREATE STATISTICS one ON a, b FROM public.t": (
        "statistics",
        "DROP STATISTICS public.{}",
        "are missing",
    ),
}


@pytest.mark.parametrize("made", TAKEN_AWAY)
def test_verification_misses_a_twin_that_was_taken_away(table: str, made: str) -> None:
    kind, act, said = TAKEN_AWAY[made]
    run(table, made)
    record = migrate(table, small_migration(SAME))
    [twin] = record.plan.twins
    assert twin.kind == kind
    run(table, act.format(quoted(twin.twin)))
    error = refusal(lambda: verify_again(settings_for(table), Caller(actor=ACTOR), record))
    assert isinstance(error, Mismatched)
    assert twin.twin in error.what
    assert said in error.what
    # What is gone is built again; what somebody put in its place is not pgtide's to drop.
    if "missing" in said:
        assert migrate(table, small_migration(SAME)).state is State.VERIFIED


def test_verification_misses_a_not_null_that_was_taken_away(table: str) -> None:
    run(table, "ALTER TABLE public.t ALTER COLUMN a SET NOT NULL")
    record = migrate(table, small_migration(SAME))
    [one] = record.plan.replacements
    run(table, f"ALTER TABLE public.t ALTER COLUMN {quoted(one.new)} DROP NOT NULL")
    error = refusal(lambda: verify_again(settings_for(table), Caller(actor=ACTOR), record))
    assert f"column {one.new} is not NOT NULL" in error.what


# What cannot be had on the new column, and what is said of it.
IMPOSSIBLE = {
    "CREATE INDEX one ON public.t (c text_pattern_ops)": "index one cannot be built",
    "CREATE INDEX one ON public.t (upper(c))": "index one cannot be built",
    ADD + "CHECK (c <> ''::text)": "constraint one cannot be built",
    ADD + "FOREIGN KEY (c) REFERENCES public.words (word) NOT VALID": (
        "constraint one cannot be built"
    ),
    "CREATE STATISTICS one ON (upper(c)), a FROM public.t": "statistics one cannot be built",
    "CREATE STATISTICS apart.one ON c, a FROM public.t": "statistics one are in the schema apart",
}


@pytest.mark.parametrize("made", IMPOSSIBLE)
def test_what_the_new_type_cannot_have_is_refused_by_name(table: str, made: str) -> None:
    run(
        table,
        "CREATE SCHEMA apart",
        "CREATE TABLE public.words (word text PRIMARY KEY)",
        "UPDATE public.t SET c = '5'",
        made,
    )
    shape = dumped(table, "public.t")
    change = ReplaceColumn("c", type="int", up="c::int", down="c::text")
    error = refusal(lambda: plan_of(table, small_migration(change)))
    assert isinstance(error, Refused)
    assert IMPOSSIBLE[made] in error.what
    assert dumped(table, "public.t") == shape


def test_an_index_declared_under_the_name_of_a_constraint_is_refused(table: str) -> None:
    run(table, ADD + "UNIQUE (a)")
    error = refusal(lambda: plan_of(table, small_migration(SAME, Index("one", on="a"))))
    assert isinstance(error, InvalidMigration)
    assert "serves a UNIQUE constraint" in error.what


def test_every_statement_holds_the_lock_that_it_names(table: str) -> None:
    for number, kind in enumerate(KINDS.values()):
        run(table, *kind.replace("one", f"n{number}").split("; "))
    run(table, "ALTER TABLE public.t ALTER COLUMN a SET NOT NULL", *STORED)
    changes = (SAME, ReplaceColumn("c", type="text"))
    plan = migrate(table, small_migration(*changes), until=Phase.BACKFILL).plan
    wrong, checked = [], 0
    for step in (*plan.finalize, *plan.expand):
        for one in step.statements:
            if "CONCURRENTLY" in one.sql:
                run(table, one.sql)
            elif step.phase is Phase.FINALIZE or " SET " in one.sql:
                lock, checked = held_by(table, plan.table_oid, one.sql), checked + 1
                if lock is not one.lock:
                    wrong.append(f"{one.sql} holds {lock}, the plan says {one.lock}")
    assert checked > 40
    assert wrong == []


@pytest.mark.untouched
def test_a_parent_that_the_owner_may_not_refer_to_is_refused_by_name(table: str) -> None:
    run(table, ADD + "FOREIGN KEY (a) REFERENCES public.parent")
    with temporary_role(table) as (role, address):
        database = table.rsplit("/", 1)[1]
        run(
            table,
            f"ALTER TABLE public.t OWNER TO {role}",
            f"GRANT CREATE ON DATABASE {database} TO {role}",
            f"GRANT CREATE ON SCHEMA public TO {role}",
        )
        error = refusal(lambda: plan_of(address, small_migration(SAME)))
        assert "may not refer to public.parent: constraint one" in error.what
        run(table, f"GRANT REFERENCES (id) ON public.parent TO {role}")
        assert len(plan_of(address, small_migration(SAME)).twins) == 1
