"""`create` and `plan`: a file that runs as it is, and a plan that changes nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pgtide.model.state import Phase
from tests.catalog_snapshot import changes, snapshot
from tests.command import EMAIL, EMAIL_FILE, Workplace
from tests.driving import migrate, plan_of, undo
from tests.later import contract
from tests.users import MIGRATION_ID, create_users, email_migration

# That nothing was changed could not be seen of a ledger that is there already.
pytestmark = pytest.mark.untouched


def test_plan_changes_nothing_and_knows_what_is_done(tmp_path: Path, database: str) -> None:
    create_users(database, rows=2_000)
    place = Workplace(folder=tmp_path, url=database)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    before = snapshot(database)
    (planned,) = place.json("plan", "2.1.0")
    text = place.run("plan")
    assert changes(before, snapshot(database)) == []

    assert not planned["begun"]
    steps = [step.name for step in plan_of(database, email_migration()).steps]
    assert [*dict.fromkeys(row["step"] for row in planned["statements"])] == [
        steps[0],
        "backfill.rows",
        *steps[1:],
        "verify.rows",
        "contract.shape",
        "purge.shape",
    ]
    assert {row["state"] for row in planned["statements"]} == {"pending"}
    assert text.returncode == 0
    assert "ACCESS EXCLUSIVE" in text.stdout
    assert "may go out from `expanded`" in text.stdout
    assert max(len(line) for line in text.stdout.splitlines()) <= 100

    migrate(database, email_migration(), until=Phase.BACKFILL)
    (begun,) = place.json("plan", MIGRATION_ID)
    states = {row["phase"]: row["state"] for row in begun["statements"]}
    assert begun["begun"]
    assert states == {
        "expand": "done",
        "backfill": "done",
        "finalize": "pending",
        "verify": "pending",
        "contract": "pending",
        "purge": "pending",
    }


def test_the_plan_shows_contract_and_purge_before_and_after_they_are_carried_out(
    tmp_path: Path, database: str
) -> None:
    create_users(database, rows=200)
    place = Workplace(folder=tmp_path, url=database)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    migrate(database, email_migration())
    preview = later(place)
    assert any('RENAME COLUMN "email_verified_v2"' in text for text in preview["contract"])
    contract(database, MIGRATION_ID)
    after = later(place)
    # What was carried out is shown as it is recorded; what is to come is still a preview.
    assert after["contract"] == [";\n".join(preview["contract"])]
    assert after["purge"] == preview["purge"]


def later(place: Workplace) -> dict[str, list[str]]:
    """Return the statements of the later release by their phases."""
    (plan,) = place.json("plan", MIGRATION_ID)
    found: dict[str, list[str]] = {"contract": [], "purge": []}
    for row in plan["statements"]:
        found.get(row["phase"], []).append(row["sql"])
    return found


def test_a_created_file_can_be_planned_as_it_is(tmp_path: Path, database: str) -> None:
    create_users(database, rows=100)
    place = Workplace(folder=tmp_path, url=database)
    first = place.json("create", 'Añadir "teléfono" \\ móvil', "--table", "users")
    assert first["version"] == "1.0.0"
    assert first["id"].endswith("_anadir_telefono_movil")
    second = place.json("create", "Another one", "--table", "public.users")
    assert second["version"] == "1.1.0"
    found = place.json("plan")
    assert [one["refused"] for one in found] == [None, None]
    assert [one["version"] for one in place.json("status")] == ["1.0.0", "1.1.0"]


def test_a_migration_that_cannot_begin_is_refused_with_its_reason(
    tmp_path: Path, database: str
) -> None:
    place = Workplace(folder=tmp_path, url=database)
    made = place.json("create", "Add a note", "--table", "nowhere")
    (listed,) = place.json("plan")
    assert "no table public.nowhere" in listed["refused"]["message"]
    error = place.json("plan", made["id"], code=2)["error"]
    assert error["message"] == listed["refused"]["message"]


def test_the_plan_says_how_long_the_last_backup_took_to_restore(
    tmp_path: Path, database: str
) -> None:
    create_users(database, rows=500)
    place = Workplace(folder=tmp_path, url=database)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    (before,) = place.json("plan")
    assert (before["first_backup"], before["backup"]) == (None, None)
    place = replace(place, extra={"PGTIDE_BACKUP_FIRST": "1"})
    (first,) = place.json("plan")
    assert (first["first_backup"]["state"], first["first_backup"]["seconds"]) == ("pending", None)
    text = place.run("plan").stdout
    assert re.search(r"backup +ACCESS SHARE +nothing but DDL", text)
    assert text.index("ACCESS SHARE") < text.index("ACCESS EXCLUSIVE")
    migrate(database, email_migration(), until=Phase.EXPAND)
    taken = place.json("backup", "2.1.0")
    (after,) = place.json("plan")
    assert after["first_backup"] is None, "the one by hand came later"
    assert after["backup"]["restore_seconds"] == taken["restore_seconds"] > 0
    undo(database, MIGRATION_ID)
    (again,) = place.json("plan")
    assert again["first_backup"]["seconds"] == again["backup"]["seconds"] > 0
    text = " ".join(place.run("plan").stdout.split())
    assert "the last time)" in text
    assert "restored on trial in" in text
