"""`up`, held by an operator, stopped by one Ctrl-C, one SIGTERM and many, and gone on with."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pgtide.operate.status import MigrationStatus
from tests.command import EMAIL, EMAIL_FILE, Workplace
from tests.prefect_server import prefect_api_url
from tests.users import MIGRATION_ID, create_users

ROWS = 60_000


def filling(more_than: int) -> Callable[[MigrationStatus], bool]:
    return lambda found: found.state == "backfilling" and found.rows_done > more_than


@pytest.mark.timeout(
    600
)  # ten commands one after the other: too many for the usual on a busy machine
def test_up_goes_on_after_a_hold_a_ctrl_c_and_a_sigterm(tmp_path: Path, database: str) -> None:
    create_users(database, rows=ROWS)
    # Batches of a millisecond and mostly at rest, so that the backfill lasts long enough to be
    # stopped four times by commands that need a second to begin.
    slow = {"PREFECT_API_URL": prefect_api_url(), "PGTIDE_BATCH_MS": "1", "PGTIDE_DUTY": "0.1"}
    place = Workplace(folder=tmp_path, url=database, extra=slow)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")

    held_at = paused(place)
    once = stopped(place, signal.SIGINT, held_at, "resume", MIGRATION_ID)
    twice = stopped(place, signal.SIGTERM, once, "up")
    stopped(place, signal.SIGINT, twice, "up", impatient=True)

    quickly = {"PGTIDE_BATCH_MS": "50", "PGTIDE_DUTY": "1"}
    fast = Workplace(folder=tmp_path, url=database, extra={**slow, **quickly})
    done = fast.run("up")
    assert done.returncode == 0, done.stderr
    assert f"{MIGRATION_ID} is verified" in done.stdout
    assert "none out of step" in done.stdout
    assert "backfill done" in done.stderr
    assert "Traceback" not in done.stderr
    assert fast.status()["state"] == "verified"
    assert fast.json("up") == {"migrations": []}
    assert outcomes(database) == ["paused", *["interrupted"] * 3, "ended"]
    assert fast.run("down", "2.1.0", "--yes").returncode == 0
    # The next deploy must not repeat what a person took back.
    assert fast.json("up") == {"migrations": []}
    # Nor must what repeats a command that named it.
    assert fast.json("up", MIGRATION_ID, "--keep-undone") == {"migrations": []}
    assert fast.status()["state"] == "rolled_back"


def paused(place: Workplace) -> int:
    """Hold the migration in mid-backfill; return the rows done by then."""
    with place.start("up", "--by", "bob") as working:
        place.wait_for(filling(0))
        told = place.json("pause", "2.1.0", "--reason", "rush hour", "--by", "ann")
        assert (told["state"], told["at_work"]) == ("paused", None)
        _, stderr = working.communicate(timeout=60)
    assert working.returncode == 3, stderr
    assert "operator ann holds it: rush hour" in stderr
    found = place.status()
    assert [one["text"] for one in found["waiting_for"]] == ["operator ann holds it: rush hour"]
    assert 0 < found["percent"] <= 99
    assert (found["eta_low"], found["worker"]) == (None, None)
    return int(found["rows_done"])


def stopped(
    place: Workplace, number: signal.Signals, before: int, *command: str, impatient: bool = False
) -> int:
    """Stop a command in mid-backfill with one signal; return the rows done.

    An impatient person sends it again and again until the command ends.
    """
    with place.start(*command, "--json") as working:
        found = place.wait_for(filling(before))
        assert found.worker is not None
        assert found.worker.alive
        working.send_signal(number)
        while impatient and working.poll() is None:
            time.sleep(0.02)
            working.send_signal(number)
        stdout, stderr = ended(working)
    assert working.returncode == 130, stderr
    assert json.loads(stdout)["error"]["code"] == "interrupted"
    assert "backfill" in stderr
    assert "Traceback" not in stderr
    after = place.status()
    assert (after["state"], after["worker"]) == ("backfilling", None)
    assert after["rows_done"] > before
    return int(after["rows_done"])


def ended(working: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a command said, once it has ended; kill one that never does."""
    try:
        return working.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        working.kill()
        raise


def outcomes(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT outcome FROM pgtide.run ORDER BY id").fetchall()
    return [row[0] for row in rows]
