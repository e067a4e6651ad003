"""What drawn cases have found, each said once more as it is."""

import psycopg
import pytest

from pgtide import AddColumn, ReplaceColumn
from pgtide.model.state import State
from tests.driving import migrate, record_of, undo
from tests.small_table import SMALL_ID, run, small_migration

SPACED = "spaced" + " " * 9


def test_spaces_too_many_for_the_new_type_are_cut_and_the_row_is_in_step(database: str) -> None:
    """Storing in varchar(8) cuts spaces at the end, and `up` did not: no sweep ever ended it.

    The row was out of step after each of five rounds, and verification could not be passed.
    """
    run(
        database,
        "CREATE TABLE public.t (id int PRIMARY KEY, a text)",
        f"INSERT INTO public.t VALUES (1, '{SPACED}'), (2, 'short'), (3, NULL)",
    )
    migration = small_migration(ReplaceColumn("a", type="varchar(8)"))
    assert migrate(database, migration).state is State.VERIFIED
    new = record_of(database, SMALL_ID).plan.replacements[0].new
    run(database, f"UPDATE public.t SET a = 'other{' ' * 9}' WHERE id = 2")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        run(database, "UPDATE public.t SET a = 'much too long' WHERE id = 3")
    rows = run(database, f"SELECT a, {new} FROM public.t ORDER BY id")
    assert rows == [(SPACED, SPACED[:8]), ("other" + " " * 9, "other   "), (None, None)]


def test_spaces_too_many_for_the_old_type_are_cut_and_the_row_is_in_step(database: str) -> None:
    """The same on the way back: `down` gave what the old column could not hold, and never equalled.

    The next sweep then took the new value for a row not filled yet, and wrote the cut one over it.
    """
    run(
        database,
        "CREATE TABLE public.t (id int PRIMARY KEY, a varchar(8))",
        "INSERT INTO public.t VALUES (1, 'short')",
    )
    migration = small_migration(ReplaceColumn("a", type="text"))
    new = migrate(database, migration).plan.replacements[0].new
    run(database, f"UPDATE public.t SET {new} = '{SPACED}'", "UPDATE public.t SET id = 2")
    assert run(database, f"SELECT a, {new} FROM public.t") == [(SPACED[:8], SPACED)]


def test_a_column_called_t_of_a_table_without_a_key_does_not_name_its_rows(database: str) -> None:
    """The archive's key was that column's value, not the row: where it was NULL, no undo ended."""
    run(database, "CREATE TABLE public.t (id int, t text)", "INSERT INTO public.t VALUES (1, NULL)")
    migrate(database, small_migration(AddColumn("b", type="int", backfill="id * 2")))
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    kept = run(database, 'SELECT key, "values" FROM pgtide.archive')
    assert kept == [({"id": 1, "t": None, "b": 2}, {"b": 2})]
