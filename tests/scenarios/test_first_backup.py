"""`up` begins with a backup that was tried; what goes wrong with it leaves the table alone."""

import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgtide import AddColumn
from pgtide.errors import Failed, Refused, Waiting
from pgtide.events import BackupPartBegan, Event
from pgtide.ledger.control import hold, release
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from pgtide.phases.fresh_backup import fresh_backup
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings
from tests.backed_up import altered_programs, backing_up, flip, scratch_databases, states
from tests.driving import ACTOR, migrate, record_of, undo
from tests.roles import temporary_role
from tests.small_table import SMALL_ID, create_small, small_migration

MIGRATION = small_migration(AddColumn("b", type="int", backfill="a"))


@pytest.fixture
def careful(database: str, tmp_path: Path) -> Settings:
    """Give a small table, and settings that want a backup first."""
    create_small(database)
    return replace(backing_up(database, tmp_path), backup_first=True)


def columns(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        query = (
            "SELECT attname FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attnum > 0"
            " AND NOT attisdropped ORDER BY attnum"
        )
        return [name for (name,) in connection.execute(query)]


def beats(session: Session) -> None:
    """Wait for the next beat of the run's heart."""
    query = "SELECT max(heartbeat_at) FROM pgtide.run"
    before, deadline = session.value(query), time.monotonic() + 30
    while session.value(query) == before:
        assert time.monotonic() < deadline, "the heart has stopped"
        time.sleep(0.01)


def test_up_begins_with_a_backup_that_was_tried(careful: Settings) -> None:
    before = columns(careful.url)
    record = migrate(careful.url, MIGRATION, until=Phase.BACKUP, settings=careful)
    assert record.state is State.BACKED_UP
    assert columns(careful.url) == before
    assert states(careful.url) == [("passed", None)]
    assert migrate(careful.url, MIGRATION, settings=careful).state is State.VERIFIED
    assert len(states(careful.url)) == 1


@pytest.mark.untouched
def test_a_backup_that_cannot_be_is_refused_before_anything_changes(careful: Settings) -> None:
    before = columns(careful.url)
    with temporary_role(careful.url, "NOCREATEDB") as (name, url):
        with psycopg.connect(careful.url, autocommit=True) as admin:
            admin.execute(f"ALTER TABLE public.t OWNER TO {name}")
            admin.execute(f"GRANT CREATE ON DATABASE {admin.info.dbname} TO {name}")
        with pytest.raises(Refused, match="scratch database"):
            migrate(url, MIGRATION, settings=replace(careful, database_url=url))
        assert record_of(careful.url, SMALL_ID).state is State.PLANNED
        assert columns(careful.url) == before
        with psycopg.connect(careful.url, autocommit=True) as admin:
            admin.execute("DROP SCHEMA pgtide CASCADE")


def test_a_backup_that_fails_its_trial_stops_the_migration_until_one_passes(
    careful: Settings, tmp_path: Path
) -> None:
    before = columns(careful.url)
    broken = altered_programs(tmp_path / "bin", pg_restore="exit 1")
    with pytest.raises(Failed, match="pg_restore failed"):
        migrate(careful.url, MIGRATION, settings=replace(careful, postgres_bin=broken))
    record = record_of(careful.url, SMALL_ID)
    assert (record.state, record.resume_to) == (State.FAILED, State.BACKING_UP)
    assert columns(careful.url) == before
    assert scratch_databases(careful.url) == []
    assert migrate(careful.url, MIGRATION, settings=careful).state is State.VERIFIED
    assert [state for state, _ in states(careful.url)] == ["failed", "passed"]


def test_a_hold_ends_the_backup_between_two_of_its_parts(careful: Settings) -> None:
    fast = replace(careful, heartbeat=careful.heartbeat / 50)

    def hear(event: Event) -> None:
        if event == BackupPartBegan(part="restoring"):
            with connect(careful.url, purpose="test") as session:
                hold(session, SMALL_ID, by="ann", reason="rush hour")
                # Of two beats that end from here on, the second began after the hold.
                beats(session)
                beats(session)

    with pytest.raises(Waiting, match="ann holds it: rush hour"):
        migrate(careful.url, MIGRATION, settings=fast, emit=hear)
    record = record_of(careful.url, SMALL_ID)
    assert (record.state, record.resume_to) == (State.PAUSED, State.BACKING_UP)
    assert states(careful.url)[0][0] == "failed"
    with connect(careful.url, purpose="test") as session:
        release(session, SMALL_ID, by="ann")
    assert migrate(careful.url, MIGRATION, settings=fast).state is State.VERIFIED


def test_an_undone_migration_takes_a_new_backup_when_it_starts_over(careful: Settings) -> None:
    migrate(careful.url, MIGRATION, until=Phase.BACKUP, settings=careful)
    undo(careful.url, SMALL_ID)
    migrate(careful.url, MIGRATION, until=Phase.BACKUP, settings=careful)
    assert [state for state, _ in states(careful.url)] == ["passed", "passed"]


def test_a_fresh_backup_is_relied_on_until_it_is_old_or_damaged(careful: Settings) -> None:
    migrate(careful.url, MIGRATION, until=Phase.BACKUP, settings=careful)
    caller, record = Caller(actor=ACTOR), record_of(careful.url, SMALL_ID)
    first = fresh_backup(careful, caller, record)
    assert fresh_backup(careful, caller, record).id == first.id

    flip(first.directory / "data.dump")
    second = fresh_backup(careful, caller, record)
    assert second.id > first.id
    with psycopg.connect(careful.url) as connection:
        query = "SELECT detail ->> 'why' FROM pgtide.event WHERE kind = 'backup_damaged'"
        assert connection.execute(query).fetchall()[0][0].count("SHA-256") == 1
        connection.execute("UPDATE pgtide.backup SET taken_at = taken_at - interval '25 hours'")
    assert fresh_backup(careful, caller, record).id > second.id
