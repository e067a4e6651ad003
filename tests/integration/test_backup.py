"""A backup is one only if its restore gave the rows that were dumped."""

import resource
import shlex
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgtide import AddColumn
from pgtide.errors import Failed, Interrupted, LockNotAcquired, Refused
from pgtide.events import BackupPartBegan, BackupPartEnded, Event
from pgtide.ledger.run import Caller
from pgtide.operate.status import status_of
from pgtide.phases.backup import backup
from pgtide.postgres.ddl import ident
from pgtide.postgres.programs import client_programs
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.backed_up import (
    ODD_ID,
    ODD_NAME,
    ODD_SCHEMA,
    ROWS,
    altered_programs,
    backing_up,
    begun,
    begun_odd,
    brought_back,
    empty_database,
    flip,
    scratch_databases,
    states,
    take,
    truncate,
)
from tests.driving import ACTOR, record_of, refusal
from tests.roles import temporary_role
from tests.scenarios.live_writers import OLD, Writer
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.users import MIGRATION_ID, create_users, email_migration

TABLE = ident(ODD_SCHEMA, ODD_NAME)


@pytest.fixture
def odd(database: str, tmp_path: Path) -> Settings:
    """Give the table with the odd name, its migration begun, and a directory for backups."""
    return begun_odd(database, tmp_path)


def test_a_backup_passes_and_changes_nothing_of_the_migration(odd: Settings) -> None:
    before = record_of(odd.url, ODD_ID)
    found = take(odd, ODD_ID)
    assert found.state == "passed"
    assert found.content is not None
    assert found.content.rows == ROWS
    assert record_of(odd.url, ODD_ID) == before
    assert scratch_databases(odd.url) == []
    assert found.directory.stat().st_mode & 0o777 == 0o700
    assert odd.backups_dir.stat().st_mode & 0o777 == 0o700
    files = {path.name: path.stat().st_mode & 0o777 for path in found.directory.iterdir()}
    assert files == {"schema.dump": 0o600, "data.dump": 0o600, "manifest.json": 0o600}
    kinds = run(odd.url, "SELECT kind FROM pgtide.event ORDER BY id DESC LIMIT 2")
    assert [kind for (kind,) in kinds] == ["backup_passed", "backup_began"]


def test_a_backup_holds_one_moment_while_writers_go_on(database: str, tmp_path: Path) -> None:
    create_users(database, rows=20_000)
    begun(database, email_migration())
    writers = [Writer(database, OLD, number=number) for number in range(2)]
    for writer in writers:
        writer.start()
    try:
        found = take(backing_up(database, tmp_path), MIGRATION_ID)
    finally:
        for writer in writers:
            writer.stop()
    assert found.state == "passed"
    assert all(sum(writer.account.acknowledged.values()) > 0 for writer in writers)
    assert not any(writer.account.failures for writer in writers)


@pytest.mark.wide
@pytest.mark.parametrize("level", [0, 6])
@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
@pytest.mark.parametrize("part", ["schema", "data"])
def test_a_file_that_the_disk_changed_is_named_and_the_backup_fails(
    odd: Settings, level: int, harm: Callable[[Path], None], part: str
) -> None:
    def hear(event: Event) -> None:
        if isinstance(event, BackupPartEnded) and event.part == part:
            harm(Path(event.path or ""))

    with pytest.raises(Failed, match=f"damaged.*{part}.dump"):
        take(replace(odd, backups_compression=level), ODD_ID, emit=hear)
    ((state, error),) = states(odd.url)
    assert (state, f"{part}.dump" in (error or "")) == ("failed", True)
    assert list((odd.backups_dir / ODD_ID).iterdir()) == []
    assert scratch_databases(odd.url) == []


@pytest.mark.parametrize(
    ("level", "change", "reason"),
    [
        (0, "raw[:len(raw) * 2 // 3]", "pg_restore failed"),
        (6, "raw[:len(raw) * 2 // 3]", "pg_restore failed"),
        (0, "raw.replace(b'end 42', b'end 43', 1)", "not with the values"),
        (
            6,
            "raw[:len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1:]",
            "pg_restore failed|not with the values",
        ),
    ],
)
def test_a_dump_that_was_wrong_from_the_start_fails_its_trial(
    odd: Settings, tmp_path: Path, level: int, change: str, reason: str
) -> None:
    code = (
        f"import sys; raw = sys.stdin.buffer.read(); changed = {change};"
        " assert changed != raw; sys.stdout.buffer.write(changed)"
    )
    spoil = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    script = f'case "$*" in *--data-only*) "$REAL" "$@" | {spoil};; *) exec "$REAL" "$@";; esac'
    programs = altered_programs(tmp_path / "bin", pg_dump=script)
    with pytest.raises(Failed, match=reason):
        take(replace(odd, postgres_bin=programs, backups_compression=level), ODD_ID)
    assert [state for state, _ in states(odd.url)] == ["failed"]
    assert scratch_databases(odd.url) == []
    with empty_database(odd.url, "stays_empty") as name:
        assert "no backup that passed" in refusal(lambda: brought_back(odd, name)).what


def fake(folder: Path, version: str) -> Path:
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n", "utf-8")
        (folder / name).chmod(0o755)
    return folder


def test_programs_of_another_major_version_are_refused(odd: Settings, tmp_path: Path) -> None:
    for version in ("15.4", "99.1"):
        folder = fake(tmp_path / version, version)
        error = refusal(lambda: take(replace(odd, postgres_bin=folder), ODD_ID))  # noqa: B023
        assert isinstance(error, Refused)
        assert version in error.what
    assert states(odd.url) == []


def test_programs_on_the_path_are_found_by_their_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, right = fake(tmp_path / "a", "96.9"), fake(tmp_path / "b", "97.2")
    monkeypatch.setenv("PATH", f"{older}:{right}")
    assert client_programs(97, None).bin_dir == right
    error = refusal(lambda: client_programs(98, None))
    assert "96.9" in error.what
    assert "97.2" in error.what


@pytest.mark.untouched
def test_a_role_that_may_not_create_databases_needs_a_scratch_address(
    database: str, tmp_path: Path
) -> None:
    create_small(database)
    with temporary_role(database) as (role, url):
        run(
            database,
            f"ALTER TABLE public.t OWNER TO {role}",
            f"GRANT CREATE ON SCHEMA public TO {role}",
            f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {role}',"
            " current_database()); END $$",
        )
        begun(url, small_migration(AddColumn("b", type="int")))
        settings = backing_up(url, tmp_path)
        error = refusal(lambda: take(settings, SMALL_ID))
        assert isinstance(error, Refused)
        assert "may not create one" in error.what
        assert states(database) == []
        assert not settings.backups_dir.exists()
        assert take(replace(settings, scratch_url=database), SMALL_ID).state == "passed"
        assert scratch_databases(database) == []


def test_the_password_is_no_argument_of_a_child_and_leaves_no_file(
    odd: Settings, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    script = (
        f"tr '\\0' '\\n' < /proc/$$/cmdline >> {told}; tr '\\0' '\\n' < /proc/$$/environ >> {told};"
        f' echo "passfile of" $(stat -c %a "$PGPASSFILE") >> {told}; exec "$REAL" "$@"'
    )
    programs = altered_programs(tmp_path / "bin", pg_dump=script, pg_restore=script)
    password = psycopg.conninfo.conninfo_to_dict(odd.url)["password"]
    assert password
    found = take(replace(odd, postgres_bin=programs), ODD_ID)
    text = told.read_text(encoding="utf-8", errors="replace")
    assert text.count("--dbname=") == 4, "two dumps and two restores were to be seen"
    assert str(password) not in text
    assert text.count("passfile of 600") >= 4
    assert not [path for path in found.directory.iterdir() if path.name.startswith(".")]


def test_a_dump_waits_only_so_long_for_who_alters_a_table(odd: Settings) -> None:
    with psycopg.connect(odd.url) as altering:
        altering.execute(f"LOCK TABLE {TABLE}".encode())
        brief = replace(odd, backups_lock_wait=odd.lock_wait)
        with pytest.raises(LockNotAcquired, match="somebody alters"):
            take(brief, ODD_ID)
    assert [state for state, _ in states(odd.url)] == ["failed"]
    assert take(odd, ODD_ID).state == "passed"


def test_only_the_newest_that_passed_are_kept(odd: Settings, tmp_path: Path) -> None:
    few = replace(odd, backups_keep=2)
    first, second = take(few, ODD_ID), take(few, ODD_ID)
    failing = altered_programs(tmp_path / "bin", pg_restore="exit 1")
    with pytest.raises(Failed):
        take(replace(few, postgres_bin=failing), ODD_ID)
    assert first.directory.is_dir(), "one that failed does not push out one that passed"
    third = take(few, ODD_ID)
    assert sorted((odd.backups_dir / ODD_ID).iterdir()) == sorted(
        [second.directory, third.directory]
    )
    standing = run(odd.url, "SELECT id FROM pgtide.backup WHERE removed_at IS NOT NULL")
    assert standing == [(first.id,)]


def test_a_disk_that_takes_no_more_is_said_and_nothing_is_left(odd: Settings) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(Failed, match="cannot be written"):
            take(odd, ODD_ID)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [state for state, _ in states(odd.url)] == ["failed"]
    assert list((odd.backups_dir / ODD_ID).iterdir()) == []


@pytest.mark.parametrize("part", ["schema", "data", "restoring", "comparing"])
def test_a_stop_ends_it_at_once_and_leaves_nothing(odd: Settings, part: str) -> None:
    stop = threading.Event()

    def hear(event: Event) -> None:
        if isinstance(event, BackupPartBegan) and event.part == part:
            stop.set()

    with pytest.raises(Interrupted):
        backup(odd, Caller(actor=ACTOR, emit=hear, stop=stop), record_of(odd.url, ODD_ID))
    assert [state for state, _ in states(odd.url)] == ["failed"]
    assert list((odd.backups_dir / ODD_ID).iterdir()) == []
    assert scratch_databases(odd.url) == []


def test_a_ledger_of_an_older_pgtide_has_a_status_and_is_upgraded(odd: Settings) -> None:
    run(odd.url, "DROP TABLE pgtide.backup", "DELETE FROM pgtide.upgrade WHERE number = 2")
    with connect(odd.url, purpose="test") as session:
        assert status_of(session, odd, record_of(odd.url, ODD_ID)).backup is None
        take(odd, ODD_ID)
        found = status_of(session, odd, record_of(odd.url, ODD_ID)).backup
    assert found is not None
    assert (found.passed, found.rows) == (True, ROWS)
    assert found.restore_seconds


def test_a_backup_cannot_pass_in_the_ledger_without_its_restore(odd: Settings) -> None:
    take(odd, ODD_ID)
    for column, constraint in (("restore_seconds", "passed_means_restored"), ("rows", "passed")):
        with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
            run(odd.url, f"UPDATE pgtide.backup SET {column} = NULL")
    with pytest.raises(psycopg.errors.CheckViolation, match="failed_for_a_reason"):
        run(odd.url, "UPDATE pgtide.backup SET state = 'failed'")


def test_a_secret_parameter_and_one_that_older_programs_lack_are_not_passed_on(
    odd: Settings, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    programs = altered_programs(tmp_path / "bin", pg_dump=f'echo "$@" >> {told}; exec "$REAL" "$@"')
    url = f"{odd.url}?sslpassword=hush&min_protocol_version=3.0&sslmode=disable"
    take(replace(odd, database_url=url, postgres_bin=programs), ODD_ID)
    text = told.read_text(encoding="utf-8")
    assert "sslmode=disable" in text
    assert "hush" not in text
    assert "min_protocol_version" not in text
