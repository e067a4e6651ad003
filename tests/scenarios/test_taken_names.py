"""What somebody else has made is never taken over, and so never taken away by an undo."""

import psycopg
import pytest

from pgtide import AddColumn, Index
from pgtide.errors import LockNotAcquired, Refused
from pgtide.model.state import Phase, State
from tests.driving import migrate, patient, refusal, settings_for, undo
from tests.small_table import SMALL_ID, create_small, run, small_migration

NUMBER = AddColumn("n", type="int", backfill="a")
MIGRATION = small_migration(NUMBER, Index("busy", on="n"))


@pytest.mark.untouched
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            ("CREATE TABLE public.other (a int)", "CREATE INDEX busy ON public.other (a)"),
            "an index of public.other is called busy",
        ),
        (("CREATE TABLE public.busy (a int)",), "another relation is called busy"),
        (("CREATE SEQUENCE public.busy",), "another relation is called busy"),
    ],
)
def test_an_index_name_of_somebody_else_is_refused_before_anything_changed(
    database: str, made: tuple[str, ...], said: str
) -> None:
    create_small(database)
    run(database, *made)
    error = refusal(lambda: migrate(database, MIGRATION))
    assert isinstance(error, Refused)
    assert said in error.what
    assert run(database, "SELECT to_regclass('public.busy') IS NOT NULL") == [(True,)]
    assert run(database, "SELECT to_regnamespace('pgtide')") == [(None,)]


# The second is the very index that pgtide would have built.
@pytest.mark.parametrize("columns", ["a, n", "n"])
def test_an_index_that_somebody_built_meanwhile_outlives_up_and_down(
    database: str, columns: str
) -> None:
    create_small(database)
    migrate(database, MIGRATION, until=Phase.BACKFILL)
    run(database, f"CREATE INDEX busy ON public.t ({columns})")
    before = run(database, "SELECT 'public.busy'::regclass::oid")
    error = refusal(lambda: migrate(database, MIGRATION))
    assert "an index of public.t is called busy, and pgtide did not make it" in error.what
    assert run(database, "SELECT 'public.busy'::regclass::oid") == before
    run(database, "ALTER INDEX public.busy RENAME TO theirs")
    assert migrate(database, MIGRATION).state is State.VERIFIED


def test_a_column_that_somebody_added_meanwhile_outlives_up_and_down(database: str) -> None:
    create_small(database)
    with psycopg.connect(database) as reader:
        reader.execute("SELECT FROM public.t")
        hasty = patient(settings_for(database), tries=2)
        locked = refusal(lambda: migrate(database, MIGRATION, settings=hasty))
    assert isinstance(locked, LockNotAcquired)
    run(database, "ALTER TABLE public.t ADD COLUMN n int", "UPDATE public.t SET n = 42")
    error = refusal(lambda: migrate(database, MIGRATION))
    assert "the table has a column n, and pgtide did not make it" in error.what
    undo(database, SMALL_ID)
    assert run(database, "SELECT count(*) FROM public.t WHERE n = 42") == [(500,)]
