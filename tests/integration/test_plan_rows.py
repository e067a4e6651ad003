"""Every row of a whole plan, expand to purge, names the lock that the server takes for it.

Each is run in its place as it is shown, held open, and looked up in pg_locks.
"""

import re
from dataclasses import replace

import pytest

from pgtide import AddColumn, Index, Migration, ReplaceColumn, Sql
from pgtide.changes.change import Change
from pgtide.ledger.schema import install
from pgtide.model.plan import Plan
from pgtide.model.state import Phase
from pgtide.model.statement import Lock
from pgtide.operate.plan import PlanStatement, Progressed, statements
from pgtide.phases.counting import counting
from pgtide.phases.later_steps import later_steps
from pgtide.postgres.catalog import read_table
from pgtide.postgres.session import connect
from tests.driving import plan_of, settings_for
from tests.integration.test_plan_locks import differing, held_apart, held_by
from tests.roles import temporary_role
from tests.small_table import create_small, run, small_migration

# What a batch and a range are given for $1 to $4: all blocks, and a share of all rows.
_VALUES = ("'(0,0)'", "'(999,0)'", "0", "256")
_GIVEN = frozenset({"backfill.rows", "verify.rows"})
_BUSY = "UPDATE public.t SET name = name WHERE id = 3"
# Everything that a column can have, and that can name it.
_ALL = (
    "ALTER TABLE public.t ADD name text DEFAULT 'x', ADD extra text, ALTER a SET NOT NULL",
    "CREATE SEQUENCE public.numbers START 5000 OWNED BY public.t.a",
    "ALTER TABLE public.t ALTER a SET DEFAULT nextval('public.numbers')",
    "CREATE TABLE public.other (n int PRIMARY KEY)",
    "INSERT INTO public.other SELECT generate_series(1, 500)",
    "ALTER TABLE public.t ADD CONSTRAINT t_other FOREIGN KEY (a) REFERENCES public.other",
    "ALTER TABLE public.t ADD CONSTRAINT small CHECK (a < 9000)",
    "COMMENT ON CONSTRAINT small ON public.t IS 'small'",
    "ALTER TABLE public.t ADD CONSTRAINT once UNIQUE (a)",
    "CREATE INDEX t_a ON public.t (a) WHERE a > 3",
    "COMMENT ON INDEX public.t_a IS 'some'",
    "CREATE INDEX t_sorted ON public.t (a, id)",
    "ALTER TABLE public.t CLUSTER ON t_sorted",
    "CREATE STATISTICS public.together ON id, a FROM public.t",
    "ALTER STATISTICS public.together SET STATISTICS 50",
    "COMMENT ON STATISTICS public.together IS 'both'",
    "COMMENT ON COLUMN public.t.a IS 'a number'",
    "ALTER TABLE public.t ALTER a SET STATISTICS 700, ALTER a SET (n_distinct = -0.5)",
    "ALTER TABLE public.t ALTER name SET STORAGE EXTERNAL, ALTER name SET COMPRESSION pglz",
    "GRANT UPDATE (a), SELECT (a) ON public.t TO $role WITH GRANT OPTION",
    "GRANT SELECT (a) ON public.t TO PUBLIC",
    "CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    (
        "CREATE TRIGGER audited AFTER UPDATE OF a ON public.t FOR EACH ROW"
        " EXECUTE FUNCTION public.noted()"
    ),
    "ALTER TABLE public.t ENABLE ALWAYS TRIGGER audited",
    (
        "CREATE CONSTRAINT TRIGGER judged AFTER UPDATE OF a ON public.t"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.noted()"
    ),
    "COMMENT ON TRIGGER judged ON public.t IS 'at the end'",
    "CREATE POLICY few ON public.t TO $role USING (a < 3) WITH CHECK (a < 2)",
    "CREATE PUBLICATION chosen FOR TABLE public.t WITH (publish = 'insert')",
    "CREATE VIEW public.v AS SELECT id, a FROM public.t WHERE a > 0",
    "CREATE VIEW public.w AS SELECT v.a, t.a AS again FROM public.v JOIN public.t USING (id)",
    "CREATE VIEW public.top AS SELECT a FROM public.v",
    "COMMENT ON VIEW public.v IS 'seen'",
    "COMMENT ON COLUMN public.v.a IS 'seen'",
    "ALTER VIEW public.v ALTER a SET DEFAULT 3",
    "GRANT SELECT ON public.v TO $role",
    (
        "CREATE TRIGGER caught INSTEAD OF DELETE ON public.v FOR EACH ROW"
        " EXECUTE FUNCTION public.noted()"
    ),
    "COMMENT ON TRIGGER caught ON public.v IS 'instead'",
)
# Since then a publication may name columns.
_SINCE_15 = 150000
_CHOSEN = "ALTER PUBLICATION chosen SET TABLE public.t (id, a) WHERE (id > 3)"
# Where the type changes, these are refused.
_BOUND = (
    (
        "CREATE FUNCTION public.f(n int) RETURNS int STABLE LANGUAGE sql BEGIN ATOMIC"
        " SELECT a FROM public.t WHERE id = n; END"
    ),
    (
        "CREATE FUNCTION public.g(n int) RETURNS void LANGUAGE sql BEGIN ATOMIC"
        " UPDATE public.t SET extra = NULL WHERE a = n; END"
    ),
)
# What contract has to carry over that came to the columns after expand.
_MEANWHILE = (
    "ALTER TABLE public.t ALTER a SET STATISTICS 300, ALTER a RESET (n_distinct)",
    "ALTER TABLE public.t ALTER name SET STORAGE MAIN",
    "COMMENT ON COLUMN public.t.a IS 'another number'",
    "COMMENT ON COLUMN public.t.name_v2 IS 'the new name'",
    "GRANT REFERENCES (a) ON public.t TO $role",
    "GRANT REFERENCES (name_v2) ON public.t TO $role",
)
_SIDE = (
    ReplaceColumn("name", interim="name_v2", type="text"),
    AddColumn("long", type="int", backfill="length(name)", verify="long IS NOT NULL"),
    Index("t_long", on="long"),
    Sql(
        up="ALTER TABLE public.t SET (fillfactor = 90)",
        down="ALTER TABLE public.t RESET (fillfactor)",
        phase="expand",
    ),
    Sql(
        up="ALTER TABLE public.t ALTER extra SET STATISTICS 10",
        down="ALTER TABLE public.t ALTER extra SET STATISTICS -1",
        phase="finalize",
    ),
    Sql(
        up="CREATE INDEX CONCURRENTLY t_extra ON public.t (extra)",
        down="DROP INDEX CONCURRENTLY public.t_extra",
        phase="finalize",
    ),
    Sql(
        up="COMMENT ON TABLE public.t IS 'contracted'",
        down="COMMENT ON TABLE public.t IS NULL",
        phase="contract",
    ),
)


def with_side(change: Change) -> Migration:
    """Return a migration that does something of every kind besides."""
    return small_migration(change, *_SIDE)


_INTERIM = replace(
    with_side(ReplaceColumn("a", interim="a_v2", type="integer")), dual_write="application"
)
_PRIVATE = replace(with_side(ReplaceColumn("a", type="bigint")), on_unrepresentable="release")


def planned(url: str, plan: Plan) -> tuple[PlanStatement, ...]:
    """Return the plan's rows, the later ones as the table's shape of now makes them."""
    with connect(url, purpose="test") as session:
        table = read_table(session, plan.table, plan.table_oid)
        later = later_steps(session, plan, table, None)
    rows = statements(plan, settings_for(url), Progressed(), verify_sql=counting(plan), later=later)
    assert {row.phase for row in rows} == set(_PHASES)
    return rows


_PHASES = (
    Phase.EXPAND,
    Phase.BACKFILL,
    Phase.FINALIZE,
    Phase.VERIFY,
    Phase.CONTRACT,
    Phase.PURGE,
)


def held(url: str, plan: Plan, row: PlanStatement) -> Lock:
    """Run a row for good, as psql would, and return the lock that it held on the table."""
    if "CONCURRENTLY" in row.sql:
        return held_apart(url, plan.table_oid, row.sql, busy=_BUSY)
    if row.step not in _GIVEN:
        return held_by(url, plan.table_oid, row.sql)
    given = ", ".join(_VALUES[: len(set(re.findall(r"\$\d\b", row.sql)))])
    text = f"PREPARE shown AS {row.sql}; EXECUTE shown ({given})"
    return held_by(url, plan.table_oid, text)


@pytest.mark.parametrize(
    ("migration", "more"),
    [(_INTERIM, _BOUND), (_PRIVATE, ())],
    ids=["interim name", "changed type"],
)
def test_every_row_of_the_plan_names_the_lock_that_it_takes(
    database: str, migration: Migration, more: tuple[str, ...]
) -> None:
    create_small(database)
    wrong: list[str] = []
    compared: list[str] = []
    with temporary_role(database) as (role, _):
        run(database, *(text.replace("$role", role) for text in (*_ALL, *more)))
        with connect(database, purpose="test") as session:
            install(session, log_schema="pgtide")
            if session.version >= _SINCE_15:
                session.execute(_CHOSEN)
        plan = plan_of(database, migration)
        shown = planned(database, plan)
        for phase in _PHASES:
            if phase is Phase.CONTRACT:
                run(database, *(text.replace("$role", role) for text in _MEANWHILE))
                shown = planned(database, plan)
            for row in (one for one in planned(database, plan) if one.phase == phase):
                found = held(database, plan, row)
                wrong += differing(database, row.sql, found, named=row.lock)
                compared.append(row.sql)
    assert wrong == []
    assert compared == [row.sql for row in shown]


def test_a_declared_statement_brings_none_of_pgtides_own(database: str) -> None:
    """What a column's settings need was put into every step of expand.

    Of a concurrent build it would have run after that, in no transaction, waiting for its lock
    as long as it takes.
    """
    create_small(database)
    run(database, "ALTER TABLE public.t ALTER a SET STATISTICS 700")
    built = Sql(
        up="CREATE INDEX CONCURRENTLY t_a ON public.t (a)",
        down="DROP INDEX CONCURRENTLY public.t_a",
        phase="expand",
    )
    plan = plan_of(database, small_migration(ReplaceColumn("a", type="bigint"), built))
    shape, declared = plan.expand
    assert [one.sql for one in declared.statements] == [built.up]
    assert [one for one in shape.statements if "SET STATISTICS 700" in one.sql]
