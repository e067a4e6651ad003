"""`pgtide quarantine`: which rows failed and why, as people and as programs read it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pgtide.ledger.run import Caller
from pgtide.phases.begun import begun
from pgtide.phases.contract import Contracting, contract
from tests.acceptance.test_cli_documents import documented
from tests.command import EMAIL, EMAIL_FILE, Workplace
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for
from tests.later import HURRY, RELEASE
from tests.poisoned import create_poisoned_users
from tests.small_table import run
from tests.users import MIGRATION_ID, email_migration


@pytest.fixture
def place(tmp_path: Path, database: str) -> Workplace:
    """Give a migration that has ended its backfill with two rows in quarantine."""
    assert len(create_poisoned_users(database, rows=1_000, every=1_500)) == 2
    refusal(lambda: migrate(database, email_migration()))
    found = Workplace(folder=tmp_path, url=database).without_prefect()
    (found.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    return found


def test_the_list_names_the_rows_the_reason_and_what_to_do(place: Workplace) -> None:
    shown = place.run("quarantine", "2.1.0")
    assert shown.returncode == 0, shown.stderr
    text = " ".join(f"{shown.stdout} {shown.stderr}".split())
    for part in ('{"id": 3}', '{"id": 1503}', "P0001", "refuse_unnamed", "pgtide up 2.1.0"):
        assert part in text
    assert "example.org" not in text


def test_the_document_has_the_documented_keys(place: Workplace) -> None:
    found = place.json("quarantine", "2.1.0", "--retry")
    real = {
        "The document": set(found),
        "A row": set(found["rows"][0]),
        "What was tried again": set(found["retried"]),
    }
    assert documented("quarantine-json.md") == real
    assert [row["key"] for row in found["rows"]] == [{"id": 3}, {"id": 1503}]
    assert (found["quarantined"], found["limit"]) == (2, 1000)
    assert found["retried"] == {"filled": 0, "in_step": 0, "gone": 0, "left": 2}
    assert place.json("quarantine", "2.1.0")["retried"] is None


def test_a_row_that_was_mended_or_deleted_leaves_the_list(place: Workplace) -> None:
    run(place.url, "UPDATE public.users SET name = 'x' WHERE id = 3")
    (row,) = place.json("quarantine", "2.1.0")["rows"]
    assert row["key"] == {"id": 1503}
    assert place.status()["quarantined"] == 1
    run(place.url, "DELETE FROM public.users WHERE id = 1503")
    assert place.json("quarantine", "2.1.0")["rows"] == []
    assert place.status()["quarantined"] == 0
    shown = place.run("quarantine", "2.1.0")
    assert "No row" in f"{shown.stdout}{shown.stderr}"
    kinds = [line["kind"] for line in place.json("history", "2.1.0")]
    assert kinds.count("quarantine_settled") == 2


def test_status_says_how_many_and_where_they_are_listed(place: Workplace) -> None:
    found = place.status()
    assert (found["state"], found["quarantined"]) == ("failed", 2)
    assert "pgtide quarantine 2.1.0" in found["next"]
    shown = place.run("status", "2.1.0").stdout
    assert "2 rows that could not be filled" in " ".join(shown.split())


def test_the_plan_says_so_too(place: Workplace) -> None:
    (plan,) = replace(place, prefect=True).json("plan", "2.1.0")
    assert "2 rows are in quarantine" in plan["warnings"][0]
    assert (plan["backfill"]["quarantine"], plan["backfill"]["canary"]) == (1000, None)


def test_after_an_undo_no_row_is_in_quarantine_and_none_can_be_tried(place: Workplace) -> None:
    place.json("down", "2.1.0", "--yes")
    assert place.json("quarantine", "2.1.0")["rows"] == []
    assert place.status()["quarantined"] == 0
    refused = place.json("quarantine", "2.1.0", "--retry", code=2)["error"]
    assert refused["code"] == "refused"


# As if a row had got there behind everybody's back.
HELD_AGAIN = """
UPDATE pgtide.quarantine SET left_at = NULL, left_as = NULL,
       place = (SELECT min(ctid) FROM public.users), filenode = pg_relation_filenode('public.users')
 WHERE id = 1
"""


@pytest.fixture
def verified(place: Workplace) -> Workplace:
    """Give the same migration, verified and approved once its rows were mended."""
    run(place.url, "UPDATE public.users SET name = 'x' WHERE name = 'nobody'")
    assert migrate(place.url, email_migration()).state == "verified"
    place.json("approve", "2.1.0", "contract", "--reason", "release 2.2 is live")
    run(place.url, HELD_AGAIN)
    return place


def test_a_verification_does_not_pass_with_a_row_in_quarantine(verified: Workplace) -> None:
    found = verified.json("verify", "2.1.0", code=4)
    assert "1 row is in quarantine" in found["error"]["message"]
    assert "pgtide quarantine 2.1.0" in found["error"]["message"]
    assert found["verification"]["mismatches"] == 1


def test_contract_does_not_come_with_a_row_in_quarantine(verified: Workplace) -> None:
    record = record_of(verified.url, MIGRATION_ID)
    settings, caller = settings_for(verified.url), Caller(actor=ACTOR)
    with begun(settings, caller, record) as held:
        error = refusal(lambda: contract(held, Contracting(release=RELEASE, hurry=HURRY)))
    assert (error.exit_code, "1 of its rows are in quarantine" in error.what) == (2, True)
    assert record_of(verified.url, MIGRATION_ID).state == "backfilled"
