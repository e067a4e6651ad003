"""Purge drops the last copy of the old columns only where a whole backup has them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgtide import AddColumn, ReplaceColumn, Sql
from pgtide.errors import Interrupted, LockNotAcquired, Refused
from pgtide.events import Event, StepEnded
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate
from pgtide.model.state import State
from pgtide.phases.begun import begun
from pgtide.phases.purge import Purging
from pgtide.phases.purge import purge as carry_out
from pgtide.settings import Settings
from tests.backed_up import backing_up, flip, take, truncate
from tests.driving import ACTOR, migrate, record_of, refusal
from tests.later import HURRY, approve, contract, purge
from tests.small_table import SMALL_ID, create_small, run, small_migration

REASON = "the replica keeps a copy"
COLUMNS = (
    "SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attnum > 0"
    " AND NOT attisdropped"
)
DAMAGED = "SELECT detail ->> 'why' FROM pgtide.event WHERE kind = 'backup_damaged'"
UNBACKED = "SELECT detail ->> 'reason' FROM pgtide.event WHERE kind = 'purged_without_backup'"
FOLDERS = "SELECT directory FROM pgtide.backup WHERE removed_at IS NULL ORDER BY id"


@pytest.fixture
def contracted(database: str, tmp_path: Path) -> Settings:
    """Give a small table whose column was replaced; contract took the one backup."""
    settings = replace(backing_up(database, tmp_path), backup_first=False)
    create_small(database)
    migrate(database, small_migration(ReplaceColumn("a", type="bigint")))
    contract(database, SMALL_ID, settings=settings)
    return settings


def _data(folder: Path) -> Path:
    return folder / "data.dump"


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda folder: flip(_data(folder)), "has the SHA-256"),
        (lambda folder: truncate(_data(folder)), "was written with"),
        (lambda folder: _data(folder).unlink(), "No such file"),
        (shutil.rmtree, "No such file"),
    ],
    ids=["a bit flipped", "cut in half", "a file gone", "all gone"],
)
def test_no_column_goes_where_the_only_backup_is_not_whole(
    contracted: Settings, harm: Callable[[Path], None], says: str
) -> None:
    [(folder,)] = run(contracted.url, FOLDERS)
    harm(Path(str(folder)))
    error = refusal(lambda: purge(contracted.url, SMALL_ID, settings=contracted))
    assert (type(error), error.exit_code, says in error.what) == (Refused, 2, True)
    assert "no whole backup has its old columns" in error.what
    assert (record_of(contracted.url, SMALL_ID).state, run(contracted.url, COLUMNS)) == (
        State.CONTRACTED,
        [(3,)],
    )
    [(noted,)] = run(contracted.url, DAMAGED)
    assert says in str(noted)
    # As the remedy says.
    take(contracted, SMALL_ID)
    assert purge(contracted.url, SMALL_ID, settings=contracted).state is State.COMPLETED
    assert (run(contracted.url, COLUMNS), run(contracted.url, UNBACKED)) == ([(2,)], [])


def test_where_the_newest_is_damaged_an_older_one_that_is_whole_counts(
    contracted: Settings,
) -> None:
    take(contracted, SMALL_ID)
    newest = run(contracted.url, FOLDERS)[-1][0]
    flip(_data(Path(str(newest))))
    assert purge(contracted.url, SMALL_ID, settings=contracted).state is State.COMPLETED
    assert len(run(contracted.url, DAMAGED)) == 1


def test_a_backup_that_was_not_kept_or_is_of_another_attempt_does_not_count(
    contracted: Settings,
) -> None:
    approve(contracted.url, SMALL_ID, Gate.READS_SWITCHED)
    for gone in ("removed_at = now()", "removed_at = NULL, attempt = attempt - 1"):
        run(contracted.url, f"UPDATE pgtide.backup SET {gone}")
        error = refusal(lambda: purge(contracted.url, SMALL_ID, settings=contracted))
        assert "there is none that passed and was kept" in error.what
        assert run(contracted.url, COLUMNS) == [(3,)]


def test_what_was_written_since_a_backup_of_weeks_before_contract_is_not_in_it(
    database: str, tmp_path: Path
) -> None:
    """The old column alone has the spelling: a lossy expression cannot give it back."""
    settings = replace(backing_up(database, tmp_path), backup_first=True)
    run(
        database,
        "CREATE TABLE public.t (id int PRIMARY KEY, code text)",
        "INSERT INTO public.t SELECT g, 'c' || g FROM generate_series(1, 300) g",
    )
    lossy = ReplaceColumn("code", type="text", up="lower(code)", down="code")
    migrate(database, small_migration(lossy), settings=settings)
    run(
        database,
        "UPDATE pgtide.backup SET taken_at = taken_at - interval '21 days'",
        "UPDATE public.t SET code = 'Foo' WHERE id = 7",
    )
    contract(database, SMALL_ID, settings=settings)
    folders = run(database, FOLDERS)
    assert len(folders) == 2, "contract took no backup of its own"
    shutil.rmtree(Path(str(folders[1][0])))
    error = refusal(lambda: purge(database, SMALL_ID, settings=settings))
    assert "no whole backup has its old columns" in error.what
    take(settings, SMALL_ID)
    assert purge(database, SMALL_ID, settings=settings).state is State.COMPLETED


def test_a_reason_drops_them_without_a_backup_and_is_in_the_audit(contracted: Settings) -> None:
    [(folder,)] = run(contracted.url, FOLDERS)
    shutil.rmtree(Path(str(folder)))
    _purged(contracted, Purging(hurry=HURRY, without_backup=REASON))
    assert record_of(contracted.url, SMALL_ID).state is State.COMPLETED
    assert run(contracted.url, UNBACKED) == [(REASON,)]


def test_a_purge_that_dropped_nothing_is_not_said_to_have_gone_without_a_backup(
    contracted: Settings,
) -> None:
    run(contracted.url, "UPDATE pgtide.backup SET removed_at = now()")
    asked = Purging(hurry=HURRY, without_backup=REASON)
    impatient = replace(contracted, lock_tries=1)
    with psycopg.connect(contracted.url) as report:
        report.execute("SELECT FROM public.t LIMIT 1")
        assert isinstance(refusal(lambda: _purged(impatient, asked)), LockNotAcquired)
    assert (run(contracted.url, COLUMNS), run(contracted.url, UNBACKED)) == ([(3,)], [])
    _purged(contracted, asked)
    assert (run(contracted.url, COLUMNS), run(contracted.url, UNBACKED)) == ([(2,)], [(REASON,)])


def test_a_purge_that_was_cut_off_behind_its_drops_ends_without_a_backup(
    contracted: Settings,
) -> None:
    def cut(event: Event) -> None:
        if isinstance(event, StepEnded):
            raise Interrupted("cut off", state="", remedy="")

    refusal(lambda: purge(contracted.url, SMALL_ID, settings=contracted, emit=cut))
    record = record_of(contracted.url, SMALL_ID)
    assert (record.state, run(contracted.url, COLUMNS)) == (State.PURGING, [(2,)])
    run(contracted.url, "UPDATE pgtide.backup SET removed_at = now()")
    assert purge(contracted.url, SMALL_ID, settings=contracted).state is State.COMPLETED


def test_where_no_column_goes_no_backup_is_asked_for(database: str, tmp_path: Path) -> None:
    settings = replace(backing_up(database, tmp_path), backup_first=False)
    create_small(database)
    migrate(database, small_migration(AddColumn("b", type="int")))
    contract(database, SMALL_ID, settings=settings)
    run(database, "UPDATE pgtide.backup SET removed_at = now()")
    assert purge(database, SMALL_ID, settings=settings).state is State.COMPLETED


def test_a_backup_from_after_a_statement_without_way_back_has_the_old_columns_too(
    database: str, tmp_path: Path
) -> None:
    settings = replace(backing_up(database, tmp_path), backup_first=False)
    create_small(database)
    lost = Sql(
        phase="finalize", up="UPDATE t SET a = 7 WHERE id = 1", irreversible="the number is lost"
    )
    migrate(database, small_migration(ReplaceColumn("a", type="bigint"), lost))
    contract(database, SMALL_ID, settings=settings)
    assert run(database, "SELECT old_shape FROM pgtide.backup") == [(False,)]
    assert purge(database, SMALL_ID, settings=settings).state is State.COMPLETED


def _purged(settings: Settings, asked: Purging) -> None:
    approve(settings.url, SMALL_ID, Gate.READS_SWITCHED)
    with begun(settings, Caller(actor=ACTOR), record_of(settings.url, SMALL_ID)) as held:
        carry_out(held, asked)
