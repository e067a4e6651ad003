"""A backup that still has the old shape is the one that comes back, is kept, and is named."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgtide import AddColumn, ReplaceColumn, Sql
from pgtide.changes.change import Change
from pgtide.errors import Refused
from pgtide.ledger.run import Caller
from pgtide.operate.restore import Restored, restore
from pgtide.phases.backward import refuse_undo
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.backed_up import backing_up, empty_database, take
from tests.driving import ACTOR, migrate, record_of, refusal
from tests.later import contract, purge
from tests.small_table import SMALL_ID, create_small, run, small_migration

SWAPPED = ReplaceColumn("a", type="bigint")
# What a file may declare that nothing takes back.
GONE = Sql(
    phase="finalize", up="UPDATE t SET a = 7 WHERE id = 1", irreversible="the old number is lost"
)


@pytest.fixture
def small(database: str, tmp_path: Path) -> Settings:
    """Give a small table, and settings that keep one backup."""
    create_small(database)
    return replace(backing_up(database, tmp_path), backups_keep=1, backup_first=False)


def purged(settings: Settings, *changes: Change) -> None:
    """Bring the small migration to its end; contract takes a backup on the way."""
    migrate(settings.url, small_migration(*changes))
    contract(settings.url, SMALL_ID, settings=settings)
    purge(settings.url, SMALL_ID, settings=settings)


def brought_back(settings: Settings, number: int | None = None) -> tuple[Restored, int]:
    """Restore into a database of its own; return what came, and how many columns."""
    with empty_database(settings.url, "brought_back") as name:
        caller, record = Caller(actor=ACTOR), record_of(settings.url, SMALL_ID)
        found = restore(settings, caller, record, into=name, number=number)
        address = psycopg.conninfo.make_conninfo(settings.url, dbname=name)
        columns = "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
        return found, len(run(address, columns))


def test_after_purge_the_backup_from_before_it_is_kept_and_restored(small: Settings) -> None:
    purged(small, SWAPPED)
    ((before,),) = run(small.url, "SELECT id FROM pgtide.backup")
    after = [take(small, SMALL_ID), take(small, SMALL_ID)]
    assert [one.old_shape for one in after] == [False, False]
    there = run(small.url, "SELECT id FROM pgtide.backup WHERE removed_at IS NULL ORDER BY id")
    assert there == [(before,), (after[1].id,)]
    found, columns = brought_back(small)
    assert (found.backup.id, columns) == (before, 3)
    assert found.newer is not None
    assert found.newer.id == after[1].id
    found, columns = brought_back(small, after[1].id)
    assert (found.backup.id, found.newer, columns) == (after[1].id, None, 2)


def test_a_backup_that_was_not_kept_is_refused_by_its_number(small: Settings) -> None:
    purged(small, SWAPPED)
    error = refusal(lambda: brought_back(small, 99))
    assert isinstance(error, Refused)
    assert "no backup 99" in error.what
    ((before,),) = run(small.url, "SELECT id FROM pgtide.backup")
    assert str(before) in error.remedy


def test_a_migration_that_drops_no_column_keeps_its_newest(small: Settings) -> None:
    purged(small, AddColumn("b", type="int", backfill="a"))
    newest = take(small, SMALL_ID)
    assert newest.old_shape
    found, _ = brought_back(small)
    assert (found.backup.id, found.newer) == (newest.id, None)


def test_what_a_declared_statement_dropped_is_missing_from_later_backups(small: Settings) -> None:
    migrate(small.url, small_migration(AddColumn("b", type="int", backfill="a"), GONE))
    assert not take(small, SMALL_ID).old_shape


def test_the_backup_is_named_where_nothing_else_leads_back(small: Settings) -> None:
    purged(small, SWAPPED)
    ((before,),) = run(small.url, "SELECT id FROM pgtide.backup")
    take(small, SMALL_ID)

    def down() -> None:
        with connect(small.url, purpose="test") as session:
            refuse_undo(session, record_of(small.url, SMALL_ID))

    assert f"`pgtide restore 1.0.0 --backup {before} --into DB`" in refusal(down).remedy
    run(small.url, "UPDATE pgtide.backup SET removed_at = now()")
    assert "No backup" in refusal(down).remedy
