"""The documented keys of plan, status and restore are those of the real output."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgtide import Migration, Performance
from pgtide.errors import AwaitingApproval
from pgtide.ledger.run import Caller, holding
from tests.architecture.sources import ROOT
from tests.backed_up import empty_database
from tests.command import EMAIL, EMAIL_FILE, Workplace
from tests.driving import migrate, settings_for
from tests.small_table import run
from tests.users import create_users, email_migration


def documented(name: str) -> dict[str, set[str]]:
    """Return the keys of each section of a page."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return {
        title: set(re.findall(r"^\| `(\w+)` \|", body, flags=re.MULTILINE))
        for title, body in zip(sections[::2], sections[1::2], strict=True)
    }


MEASURED = "from tests.acceptance.test_cli_documents import measured\n"


def measured(migration: Migration) -> Migration:
    """Return a migration with a query that is measured."""
    return replace(migration, verify=[Performance("SELECT id FROM public.users WHERE id = 3")])


@pytest.fixture
def place(tmp_path: Path, database: str) -> Workplace:
    """Give the strategy's table with its migration."""
    create_users(database, rows=2_000)
    found = Workplace(folder=tmp_path, url=database)
    (found.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    return found


def test_the_plan_has_the_documented_keys(place: Workplace) -> None:
    text = EMAIL.replace("email_migration()\nflow", "measured(email_migration())\nflow")
    (place.migrations / EMAIL_FILE).write_text(f"{MEASURED}{text}", encoding="utf-8")
    (plan,) = replace(place, extra={"PGTIDE_BACKUP_FIRST": "1"}).json("plan")
    real: dict[str, Any] = {
        "A migration": plan,
        "A first backup": plan["first_backup"],
        "A statement": plan["statements"][0],
        "A limit": plan["statements"][0]["limit"],
        "A backfill": plan["backfill"],
        "An estimate": plan["estimate"],
        "A range": plan["estimate"]["rows"],
        "Room": plan["estimate"]["room"],
        "A query": plan["queries"][0],
    }
    assert documented("plan-json.md") == {title: set(value) for title, value in real.items()}


HELD = """INSERT INTO pgtide.throttle (migration_id, attempt, signal, reason, holds)
    SELECT id, attempt, 'connections', '90 of 97 connections are taken', 1 FROM pgtide.migration"""


def test_the_status_has_the_documented_keys(place: Workplace, database: str) -> None:
    only_a_file = place.status()
    dual = replace(measured(email_migration()), dual_write="application")
    with pytest.raises(AwaitingApproval):
        migrate(database, dual)
    place.json("approve", "2.1.0", "dual_write_deployed", "--reason", "release 2.1 is out")
    record = migrate(database, dual)
    place.json("backup", record.id)
    place.json("throttle", record.id, "--duty", "0.5")
    run(database, HELD)
    with holding(settings_for(database), Caller(actor="ann"), record):
        status = place.status()
    real: dict[str, Any] = {
        "A migration": status,
        "A wait": status["waiting_for"][0],
        "A hold of the throttle": status["throttled"][0],
        "A gate": status["gates"][0],
        "Mended writes": status["mended"],
        "A rate": status["rate"],
        "A phase": status["phases"][0],
        "A verification": status["verification"],
        "A backup": status["backup"],
        "A query": status["queries"][0],
        "A worker": status["worker"],
    }
    assert documented("status-json.md") == {title: set(value) for title, value in real.items()}
    assert set(only_a_file) == set(status)


def test_a_restore_has_the_documented_keys_and_names_a_newer_backup(
    place: Workplace, database: str
) -> None:
    migrate(database, email_migration())
    older, newer = (place.json("backup", "2.1.0") for _ in range(2))
    # As after a purge between them.
    lacking = f"UPDATE pgtide.backup SET old_shape = false WHERE id = {newer['backup']}"
    run(database, lacking)
    with empty_database(database, "restored_with_keys") as name:
        found = place.json("restore", "2.1.0", "--into", name)
    assert (found["backup"], found["old_shape"]) == (older["backup"], True)
    assert found["newer"] == {"backup": newer["backup"], "taken_at": newer["taken_at"]}
    real = {"A restore": set(found), "A newer backup": set(found["newer"])}
    assert documented("restore-json.md") == real
    with empty_database(database, "restored_by_number") as name:
        named = ("--backup", str(newer["backup"]))
        found = place.json("restore", "2.1.0", "--into", name, *named)
    assert (found["old_shape"], found["newer"]) == (False, None)
