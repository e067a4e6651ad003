"""The command outside of a window, and the rate of a backfill: what a person types and reads."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.command import EMAIL, EMAIL_FILE, UNLOADABLE, Workplace
from tests.driving import migrate
from tests.nights import kinds
from tests.prefect_server import prefect_api_url
from tests.users import MIGRATION_ID, create_users, email_migration

WINDOW = """from dataclasses import replace
from pgtide import Window
migration = replace(email_migration(), window=Window({hours!r}, zone="UTC"))
flow = migration_flow(migration)"""


@pytest.fixture
def place(tmp_path: Path, database: str) -> Workplace:
    """Give a migration whose window opens in two hours."""
    create_users(database, rows=500)
    now = datetime.now(UTC)
    hours = f"{now + timedelta(hours=2):%H:%M}-{now + timedelta(hours=4):%H:%M}"
    found = Workplace(folder=tmp_path, url=database)
    text = EMAIL.partition("migration = ")[0] + WINDOW.format(hours=hours)
    (found.migrations / EMAIL_FILE).write_text(text, encoding="utf-8")
    return found


def test_up_outside_of_the_window_ends_at_once(place: Workplace) -> None:
    """No Prefect server is started to learn that."""
    error: dict[str, Any] = place.json("up", code=3)["error"]
    assert error["code"] == "window_closed"
    assert "it opens at" in error["message"]
    assert "`pgtide up 2.1.0 --now --reason TEXT`" in error["remedy"]
    assert "needs a reason" in place.run("up", "--now").stderr
    (plan,) = place.json("plan")
    assert any("only inside its window" in note for note in plan["notes"])


def test_a_reason_not_to_wait_overrides_the_window(place: Workplace, database: str) -> None:
    served = Workplace(
        folder=place.folder, url=place.url, extra={"PREFECT_API_URL": prefect_api_url()}
    )
    done = served.run("up", "--now", "--reason", "the release is tonight")
    assert done.returncode == 0, done.stderr
    found = place.status()
    assert found["state"] == "verified"
    assert "window" in [one["kind"] for one in found["waiting_for"]]
    reasons = {one["reason"] for one in kinds(database, "not_awaited")}
    assert reasons == {"the release is tonight"}
    history = place.run("history", "2.1.0").stdout
    assert "did not wait for its window to open" in " ".join(history.split())


def test_resume_too_can_be_told_not_to_wait(place: Workplace, database: str) -> None:
    served = Workplace(
        folder=place.folder, url=place.url, extra={"PREFECT_API_URL": prefect_api_url()}
    )
    assert served.run("up", "--until", "expand", "--now", "--reason", "early").returncode == 0
    assert served.run("pause", "2.1.0", "--reason", "lunch").returncode == 0
    assert "needs a reason" in served.run("resume", "2.1.0", "--now").stderr
    assert [one["kind"] for one in place.status()["waiting_for"]].count("hold") == 1
    done = served.run("resume", "2.1.0", "--now", "--reason", "the release is tonight")
    assert done.returncode == 0, done.stderr
    assert place.status()["state"] == "verified"
    reasons = {one["reason"] for one in kinds(database, "not_awaited")}
    assert reasons == {"early", "the release is tonight"}


def test_throttle_needs_the_ledger_alone(tmp_path: Path, database: str) -> None:
    create_users(database, rows=500)
    place = Workplace(folder=tmp_path, url=database).without_prefect()
    (place.migrations / EMAIL_FILE).write_text(UNLOADABLE, encoding="utf-8")
    migrate(database, email_migration())
    assert place.json("throttle", "2.1.0") == {"id": MIGRATION_ID, "rate": None}
    given = place.json("throttle", "2.1.0", "--duty", "0.25", "--batch-ms", "20", "--by", "ann")
    assert {key: given["rate"][key] for key in ("duty", "batch_ms", "by")} == {
        "duty": 0.25,
        "batch_ms": 20,
        "by": "ann",
    }
    assert place.status()["rate"] == given["rate"]
    assert "25% of the time, batches of 20 ms, set by ann" in place.run("status").stdout
    assert (
        "duty is 3.0" in place.json("throttle", "2.1.0", "--duty", "3", code=2)["error"]["message"]
    )
    assert place.run("throttle", "2.1.0", "--reset", "--duty", "1").returncode == 2
    assert place.json("throttle", "2.1.0", "--reset")["rate"] is None
    lines = [one["text"] for one in place.json("history", "2.1.0") if one["kind"] == "rate_set"]
    assert lines == [
        "rate set: 25% of the time at work, batches of 20 ms",
        "rate set: back to what the settings say",
    ]
