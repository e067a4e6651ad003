"""One thing that follows a column's number: how it is made, and what shows that it is in force."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from pgtide import ReplaceColumn
from pgtide.model.migration import Migration
from tests.contracting import contract, dump, purge, undone
from tests.driving import migrate
from tests.small_table import create_small, run, small_migration

_NAIVE = (
    "ALTER TABLE public.t ADD COLUMN a_v2 {type}",
    "UPDATE public.t SET a_v2 = a",
    "ALTER TABLE public.t RENAME COLUMN a TO a_old",
    "ALTER TABLE public.t RENAME COLUMN a_v2 TO a",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What is made on `public.t (a)`; `probe`'s last answer is `right` as long as it is in force.

    An answer is a query's rows, or the SQLSTATE that the statements end in. `naive` is the wrong
    one that comes of renaming alone, where that is tried.
    """

    name: str
    setup: Sequence[str]
    probe: Sequence[str]
    right: object
    naive: object = None
    type: str = "integer"

    def __str__(self) -> str:
        return self.name


def follows(url: str, case: Following, role: str = "") -> None:
    """Show that the naive swap breaks it, and that contract, its undo and purge keep it."""
    create_small(url)
    if case.type != "integer":
        run(url, f"ALTER TABLE public.t ALTER a TYPE {case.type}")
    run(url, *(text.replace("$role", role) for text in case.setup))
    assert answer(url, case, role) == case.right
    naive = tuple(text.format(type=case.type) for text in _NAIVE)
    # The very answer: any other would be wrong for a reason of the test's own.
    assert answer(url, case, role, ahead=naive) == case.naive != case.right
    first = dump(url)
    migrate(url, migration(case))
    before = dump(url)
    step = contract(url, migration(case))
    assert answer(url, case, role) == case.right
    undone(url, step)
    assert dump(url) == before
    assert answer(url, case, role) == case.right
    contract(url, migration(case))
    purge(url, migration(case))
    assert answer(url, case, role) == case.right
    assert dump(url) == first


def migration(case: Following) -> Migration:
    """Return the migration that replaces the column under an interim name."""
    return small_migration(ReplaceColumn("a", interim="a_v2", type=case.type))


def answer(url: str, case: Following, role: str, *, ahead: Sequence[str] = ()) -> object:
    """Return what the probe says, in a transaction that is rolled back."""
    with psycopg.connect(url) as connection:
        try:
            for text in ahead:
                connection.execute(text.encode())
            rows: list[tuple[object, ...]] = []
            for text in case.probe:
                cursor = connection.execute(text.replace("$role", role).encode())
                rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            connection.rollback()
    return rows
