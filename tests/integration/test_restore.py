"""What comes back from a backup, and into what it may be restored."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pgtide.errors import Refused
from pgtide.postgres.ddl import ident
from pgtide.settings import Settings
from tests.backed_up import (
    ODD_ID,
    ODD_NAME,
    ODD_SCHEMA,
    ROWS,
    begun_odd,
    brought_back,
    empty_database,
    flip,
    take,
    truncate,
)
from tests.driving import refusal
from tests.small_table import run

TABLE = ident(ODD_SCHEMA, ODD_NAME)


@pytest.fixture
def odd(database: str, tmp_path: Path) -> Settings:
    """Give the table with the odd name, its migration begun, and a directory for backups."""
    return begun_odd(database, tmp_path)


def test_a_backup_is_restored_into_an_empty_database_with_every_value(odd: Settings) -> None:
    take(odd, ODD_ID)
    query = f"SELECT to_jsonb(o)::text FROM {TABLE} o ORDER BY id"
    held = run(odd.url, query)
    run(odd.url, f"DELETE FROM {TABLE}")
    with empty_database(odd.url, 'it\'s "empty"') as name:
        found = brought_back(odd, name)
        address = psycopg.conninfo.make_conninfo(odd.url, dbname=name)
        assert run(address, query) == held
        assert found.rows == ROWS == len(held)
        again = refusal(lambda: brought_back(odd, address))
        assert "not empty" in again.what
    with empty_database(odd.url, "by_address") as name:
        brought_back(odd, psycopg.conninfo.make_conninfo(odd.url, dbname=name))


@pytest.mark.parametrize("what", ["TABLE x ()", "TYPE x AS ENUM ()", "SCHEMA x"])
def test_a_database_that_holds_anything_is_refused(odd: Settings, what: str) -> None:
    take(odd, ODD_ID)
    with empty_database(odd.url, "not_quite_empty") as name:
        run(psycopg.conninfo.make_conninfo(odd.url, dbname=name), f"CREATE {what}")
        assert "is not empty: it has " in refusal(lambda: brought_back(odd, name)).what


def test_the_target_itself_is_refused_as_the_place_to_restore_into(odd: Settings) -> None:
    take(odd, ODD_ID)
    error = refusal(lambda: brought_back(odd, odd.url))
    assert isinstance(error, Refused)
    assert "the one that the backup was taken of" in error.what


@pytest.mark.parametrize("name", ["schema.dump", "data.dump"])
@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
def test_a_file_that_was_damaged_after_it_passed_is_named_and_not_restored(
    odd: Settings, harm: Callable[[Path], None], name: str
) -> None:
    found = take(odd, ODD_ID)
    harm(found.directory / name)
    with empty_database(odd.url, "stays_empty") as empty:
        error = refusal(lambda: brought_back(odd, empty))
        assert isinstance(error, Refused)
        assert name in error.what
        address = psycopg.conninfo.make_conninfo(odd.url, dbname=empty)
        assert (
            run(address, "SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
        )


def test_a_database_that_is_not_there_is_said_to_be_that_of_into(odd: Settings) -> None:
    error = refusal(lambda: brought_back(odd, "nowhere"))
    assert isinstance(error, Refused)
    assert '"nowhere" does not exist' in error.what
    assert "--into" in error.remedy
