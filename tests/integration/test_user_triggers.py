"""The application's own triggers in the backfill: they fire, or stay silent where that is safe."""

from dataclasses import replace

import pytest

from pgtide import AddColumn, Backfill, Migration, ReplaceColumn
from pgtide.changes.change import Change
from pgtide.errors import Refused
from pgtide.model.state import State
from pgtide.phases.preflight import warnings
from pgtide.postgres.catalog import read_table
from pgtide.postgres.session import connect
from tests.driving import migrate, plan_of, refusal, settings_for
from tests.roles import temporary_role
from tests.small_table import ROWS, create_small, run, small_migration

NUMBER = AddColumn("n", type="int", backfill="a + 1")
COUNTING = (
    "CREATE TABLE public.seen (id int)",
    """CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.seen VALUES (new.id); RETURN new; END'""",
    "CREATE TRIGGER sees BEFORE UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION public.see()",
)
SEEN = "SELECT count(*) FROM public.seen"
IN_STEP = "SELECT count(*) FILTER (WHERE n = a + 1), count(*) FROM public.t"


def quiet(*changes: Change) -> Migration:
    return replace(small_migration(*changes), backfill=Backfill(user_triggers="skip"))


def told(url: str, migration: Migration) -> tuple[str, ...]:
    plan = plan_of(url, migration)
    with connect(url, purpose="test") as session:
        return warnings(session, plan, read_table(session, plan.table, plan.table_oid))


def test_they_fire_once_a_row_and_the_plan_says_so(database: str) -> None:
    create_small(database)
    run(database, *COUNTING)
    migration = small_migration(NUMBER)
    assert any("fire the application's trigger sees" in one for one in told(database, migration))
    assert migrate(database, migration).state is State.VERIFIED
    assert run(database, SEEN) == [(ROWS,)]


def test_silenced_they_see_the_applications_writes_alone(database: str) -> None:
    create_small(database)
    run(database, *COUNTING)
    assert any("trigger sees stays silent" in one for one in told(database, quiet(NUMBER)))
    assert migrate(database, quiet(NUMBER)).state is State.VERIFIED
    assert run(database, SEEN) == [(0,)]
    assert run(database, IN_STEP) == [(ROWS, ROWS)]
    run(database, "UPDATE public.t SET a = a + 5 WHERE id = 7")
    assert run(database, SEEN) == [(1,)]


def test_one_that_is_enabled_always_fires_all_the_same(database: str) -> None:
    create_small(database)
    run(database, *COUNTING, "ALTER TABLE public.t ENABLE ALWAYS TRIGGER sees")
    assert any(
        "fire the application's trigger sees" in one for one in told(database, quiet(NUMBER))
    )
    migrate(database, quiet(NUMBER))
    assert run(database, SEEN) == [(ROWS,)]


REFERS = (
    "CREATE TABLE public.p (id int PRIMARY KEY)",
    f"INSERT INTO public.p SELECT g FROM generate_series(1, {ROWS}) g",
    "ALTER TABLE public.t ADD CONSTRAINT t_a FOREIGN KEY (a) REFERENCES public.p",
)
DEFERRED = ("ALTER TABLE public.t ADD CONSTRAINT t_once UNIQUE (a) DEFERRABLE",)


@pytest.mark.untouched
@pytest.mark.parametrize(
    ("setup", "change", "said"),
    [
        (REFERS, ReplaceColumn("a", interim="a_v2", type="int"), "t_a of t unchecked"),
        (DEFERRED, ReplaceColumn("a", interim="a_v2", type="int"), "t_once of t unchecked"),
        (
            (*COUNTING, "ALTER TABLE public.t ENABLE REPLICA TRIGGER sees"),
            NUMBER,
            "would wake the trigger sees",
        ),
    ],
)
def test_where_silence_would_be_unsafe_it_is_refused(
    database: str, setup: tuple[str, ...], change: Change, said: str
) -> None:
    create_small(database)
    run(database, *setup)
    error = refusal(lambda: migrate(database, quiet(change)))
    assert isinstance(error, Refused)
    assert said in error.what.replace("public.", "")
    assert run(database, "SELECT to_regnamespace('pgtide')") == [(None,)]


PARTED = (
    "CREATE TABLE public.t (id int PRIMARY KEY, a int) PARTITION BY RANGE (id)",
    "CREATE TABLE public.t_1 PARTITION OF public.t FOR VALUES FROM (0) TO (300)",
    "CREATE TABLE public.t_2 PARTITION OF public.t FOR VALUES FROM (300) TO (1000)",
    f"INSERT INTO public.t SELECT g, g FROM generate_series(1, {ROWS}) g",
    *COUNTING[:2],
    COUNTING[2].replace("public.t ", "public.t_2 "),
)


def test_one_that_a_single_partition_has_counts_too(database: str) -> None:
    run(database, *PARTED)
    assert any("trigger sees of public.t_2 stays" in one for one in told(database, quiet(NUMBER)))
    run(database, "ALTER TABLE public.t_2 ENABLE REPLICA TRIGGER sees")
    assert "would wake the trigger sees" in refusal(lambda: migrate(database, quiet(NUMBER))).what
    run(database, "ALTER TABLE public.t_2 ENABLE TRIGGER sees")
    assert migrate(database, quiet(NUMBER)).state is State.VERIFIED
    assert run(database, SEEN) == [(0,)]


@pytest.mark.untouched
def test_one_of_a_partition_that_would_fire_after_ours_is_refused(database: str) -> None:
    run(database, *PARTED, 'ALTER TRIGGER sees ON public.t_2 RENAME TO "~~sees"')
    error = refusal(lambda: migrate(database, small_migration(NUMBER)))
    assert "The trigger ~~sees of public.t_2 would fire after pgtide's own" in error.what
    assert run(database, "SELECT to_regnamespace('pgtide')") == [(None,)]


def test_a_key_that_no_batch_writes_is_no_reason_to_refuse(database: str) -> None:
    create_small(database)
    run(database, *REFERS)
    assert migrate(database, quiet(NUMBER)).state is State.VERIFIED


@pytest.mark.untouched
def test_a_role_without_the_privilege_is_refused_and_with_it_is_not(database: str) -> None:
    create_small(database)
    run(database, *COUNTING)
    with temporary_role(database) as (name, url):
        run(
            database,
            f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {name}',"
            " current_database()); END $$",
            f"ALTER TABLE public.t OWNER TO {name}",
            f"GRANT ALL ON SCHEMA public TO {name}",
            f"GRANT INSERT ON public.seen TO {name}",
        )
        error = refusal(lambda: migrate(url, quiet(NUMBER), settings=settings_for(url)))
        assert isinstance(error, Refused)
        assert f"GRANT SET ON PARAMETER session_replication_role TO {name}" in error.remedy
        run(database, f"GRANT SET ON PARAMETER session_replication_role TO {name}")
        assert migrate(url, quiet(NUMBER)).state is State.VERIFIED
    assert run(database, SEEN) == [(0,)]
