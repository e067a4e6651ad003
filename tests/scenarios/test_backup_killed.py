"""A backup whose programs or whose process are killed is none; the next one clears up after it."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgtide.errors import Failed
from pgtide.events import BackupGrew, BackupPartBegan, Event
from pgtide.settings import Settings
from tests.backed_up import (
    altered_programs,
    backing_up,
    begun,
    children,
    empty_database,
    scratch_databases,
    states,
    take,
)
from tests.command import Workplace
from tests.users import MIGRATION_ID, create_users, email_migration

PATIENCE = 30.0
KILLS = 6


@pytest.fixture
def users(database: str, tmp_path: Path) -> Settings:
    """Give a table that takes a moment to dump and to restore."""
    create_users(database, rows=20_000)
    begun(database, email_migration())
    return replace(backing_up(database, tmp_path), backups_compression=0)


@pytest.fixture
def place(database: str, tmp_path: Path) -> Workplace:
    """Give the same table to the command."""
    create_users(database, rows=20_000)
    begun(database, email_migration())
    return Workplace(folder=tmp_path, url=database).without_prefect()


def kill_child(name: str) -> bool:
    for pid in children(os.getpid()):
        program = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")[0]
        if program.endswith(name):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def folders(settings: Settings) -> set[Path]:
    return set((settings.backups_dir / MIGRATION_ID).iterdir())


def test_a_killed_pg_dump_makes_no_backup_and_the_next_one_passes(users: Settings) -> None:
    killed: list[bool] = []

    def hear(event: Event) -> None:
        if isinstance(event, BackupGrew) and event.part == "data" and not killed:
            killed.append(kill_child("pg_dump"))

    with pytest.raises(Failed, match="pg_dump was ended by SIGKILL"):
        take(users, MIGRATION_ID, emit=hear)
    assert killed == [True]
    assert folders(users) == set()
    assert [state for state, _ in states(users.url)] == ["failed"]
    found = take(users, MIGRATION_ID)
    assert found.state == "passed"
    assert folders(users) == {found.directory}


def test_a_killed_pg_restore_makes_no_backup_and_the_next_one_passes(users: Settings) -> None:
    killers: list[threading.Thread] = []

    def hear(event: Event) -> None:
        if isinstance(event, BackupPartBegan) and event.part == "restoring":
            killers.append(threading.Thread(target=kill))
            killers[0].start()

    def kill() -> None:
        deadline = time.monotonic() + PATIENCE
        while not kill_child("pg_restore") and time.monotonic() < deadline:
            time.sleep(0.001)

    with pytest.raises(Failed, match="pg_restore was ended by SIGKILL"):
        take(users, MIGRATION_ID, emit=hear)
    killers[0].join()
    assert folders(users) == set()
    assert scratch_databases(users.url) == []
    assert take(users, MIGRATION_ID).state == "passed"


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stderr is not None
    for line in process.stderr:
        yield line.split("  ", 1)[-1].strip()


def wait_for(process: subprocess.Popen[str], said: str) -> None:
    heard: list[str] = []
    for line in lines(process):
        heard.append(line)
        if line == said:
            return
    raise AssertionError(f"it did not say {said!r}: {heard}")


def clients(url: str) -> int:
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgtide %'"
        row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0


def test_killed_at_any_moment_it_leaves_no_backup_that_counts_and_no_trace(
    place: Workplace,
) -> None:
    begun_at = time.monotonic()
    process = place.start("backup", "2.1.0")
    wait_for(process, "schema begins")
    at_work = time.monotonic()
    process.communicate(timeout=PATIENCE)
    whole = time.monotonic() - at_work
    assert process.returncode == 0, f"{time.monotonic() - begun_at:.1f} s"
    moments = random.Random(20260102)
    for _ in range(KILLS):
        process = place.start("backup", "2.1.0")
        wait_for(process, "schema begins")
        time.sleep(moments.uniform(0, whole))
        process.kill()
        process.communicate(timeout=PATIENCE)
    last = place.json("backup", "2.1.0")
    ends = states(place.url)
    assert {state for state, _ in ends} == {"passed", "failed"}
    assert all("killed" in (error or "") for state, error in ends if state == "failed")
    kept = [Path(one) for (one,) in standing(place.url)]
    assert kept[0] == Path(last["directory"])
    root = place.folder / ".pgtide" / "backups" / MIGRATION_ID
    assert set(root.iterdir()) == set(kept)
    assert scratch_databases(place.url) == []
    assert clients(place.url) == 0
    assert place.status()["state"] == "expanded"


def standing(url: str) -> list[tuple[str]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT directory FROM pgtide.backup WHERE state = 'passed' AND removed_at IS NULL"
            " ORDER BY id DESC"
        ).fetchall()


def test_a_scratch_database_that_a_killed_run_left_is_dropped_by_the_next(
    place: Workplace, tmp_path: Path
) -> None:
    slow = altered_programs(tmp_path / "bin", pg_restore="exec sleep 60")
    process = replace(place, extra={**place.extra, "PGTIDE_POSTGRES_BIN": str(slow)}).start(
        "backup", "2.1.0"
    )
    wait_for(process, "restoring begins")
    deadline = time.monotonic() + PATIENCE
    while not (sleeping := children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=PATIENCE)
    for pid in sleeping:
        os.kill(pid, signal.SIGKILL)
    left = scratch_databases(place.url)
    assert len(left) == 1, "the killed run left a scratch database"
    assert [state for state, _ in states(place.url)] == ["taken"]
    assert place.status()["backup"]["passed"] is False
    with empty_database(place.url, "stays_empty") as name:
        error = place.json("restore", "2.1.0", "--into", name, code=2)["error"]
    assert "no backup that passed" in error["message"]

    place.json("backup", "2.1.0")
    assert scratch_databases(place.url) == []
    assert [state for state, _ in states(place.url)] == ["failed", "passed"]
    refused = place.status()["backup"]
    assert (refused["passed"], refused["error"]) == (True, None)
