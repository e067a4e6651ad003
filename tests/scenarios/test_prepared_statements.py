"""A statement that an application has prepared: when it fails, and that the plan says so.

Once it fails it fails each time, until the session prepares it anew.
"""

from collections.abc import Callable, Mapping

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.changes.change import Change
from tests.driving import migrate, plan_of, undo
from tests.later import contract, purge, to_verified
from tests.small_table import SMALL_ID, create_small, small_migration

WHOLE = "SELECT * FROM public.t WHERE id = 1"
COLUMN = "SELECT a FROM public.t WHERE id = 1"
RETURNING = "UPDATE public.t SET a = a WHERE id = 1 RETURNING a"
STALE = "0A000"

EVERY = ("expand", "contract", "to verified", "contract again", "purge")
# With an interim name the column keeps its type; without one it changes, there and back.
FAILS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "interim": {WHOLE: EVERY, COLUMN: (), RETURNING: ()},
    "private": {
        WHOLE: EVERY,
        COLUMN: ("contract", "to verified", "contract again"),
        RETURNING: ("contract", "to verified", "contract again"),
    },
}
CHANGES: Mapping[str, Change] = {
    "interim": ReplaceColumn("a", interim="a_v2", type="integer"),
    "private": ReplaceColumn("a", type="bigint"),
}


@pytest.mark.parametrize("mode", ["interim", "private"])
def test_a_prepared_statement_fails_where_the_plan_says_so_until_it_is_prepared_anew(
    database: str, mode: str
) -> None:
    create_small(database)
    migration = small_migration(CHANGES[mode])
    notes = " ".join(plan_of(database, migration).notes)
    assert "expand, contract, purge and each undo" in notes
    assert "prepared SELECT * or RETURNING * fails (0A000, `cached plan`) each time" in notes
    assert ("contract and its undo: so does a prepared statement that returns a" in notes) == (
        mode == "private"
    )
    acts: Mapping[str, Callable[[], object]] = {
        "expand": lambda: migrate(database, migration),
        "contract": lambda: contract(database, SMALL_ID),
        "to verified": lambda: to_verified(database, SMALL_ID),
        "contract again": lambda: contract(database, SMALL_ID),
        "purge": lambda: purge(database, SMALL_ID),
    }
    found: dict[str, list[str]] = {text: [] for text in FAILS[mode]}
    for moment, act in acts.items():
        with psycopg.connect(database, autocommit=True) as session:
            for number, text in enumerate(found):
                session.execute(f"PREPARE s{number} AS {text}".encode())
                session.execute(f"EXECUTE s{number}".encode())
            act()
            for number, text in enumerate(found):
                tries = [failure(session, f"EXECUTE s{number}") for _ in range(3)]
                assert len(set(tries)) == 1, f"{text} at {moment}: {tries}"
                if tries[0]:
                    assert tries[0] == STALE
                    found[text].append(moment)
                session.execute(f"DEALLOCATE s{number}".encode())
                session.execute(f"PREPARE s{number} AS {text}".encode())
                assert failure(session, f"EXECUTE s{number}") is None
    assert {text: tuple(moments) for text, moments in found.items()} == FAILS[mode]


def test_an_undo_before_contract_fails_the_whole_row_alone(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(CHANGES["interim"]))
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(f"PREPARE whole AS {WHOLE}".encode())
        session.execute(f"PREPARE one AS {COLUMN}".encode())
        for name in ("whole", "one"):
            session.execute(f"EXECUTE {name}".encode())
        undo(database, SMALL_ID)
        assert failure(session, "EXECUTE whole") == STALE
        assert failure(session, "EXECUTE one") is None


def failure(session: psycopg.Connection[tuple[object, ...]], text: str) -> str | None:
    """Return the SQLSTATE that a statement ends in; None where it does not fail."""
    try:
        session.execute(text.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None
