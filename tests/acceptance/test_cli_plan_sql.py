"""A declared statement in the plan: its findings, its lock, and that nothing takes it back."""

from pathlib import Path

import pytest

from pgtide import Sql
from pgtide.report.plan_text import plan_page
from tests.command import Workplace
from tests.driving import migrate, plan_of
from tests.small_table import create_small, small_migration

FILE = '''"""A statement of our own."""

from flows import migration_flow
from tests.acceptance.test_cli_plan_sql import MIGRATION

migration = MIGRATION
flow = migration_flow(migration)
'''
REASON = "nobody has read it since 1.9"
FINDING = "Dropping a column may break existing clients."
MIGRATION = small_migration(
    Sql(
        phase="finalize",
        up="ALTER TABLE t DROP COLUMN a",
        irreversible="the values are gone",
        accept={"ban-drop-column": REASON},
    )
)


@pytest.fixture
def place(tmp_path: Path, database: str) -> Workplace:
    create_small(database)
    found = Workplace(folder=tmp_path, url=database)
    (found.migrations / f"{MIGRATION.id}.py").write_text(FILE, encoding="utf-8")
    return found


def test_the_document_has_findings_with_the_reason_they_were_accepted_for(place: Workplace) -> None:
    [plan] = place.json("plan")
    row = plan["statements"][0]
    assert row["lock"] == "AccessExclusiveLock"
    assert row["irreversible"] == "the values are gone"
    assert row["findings"] == [
        {"rule": "ban-drop-column", "level": "error", "message": FINDING, "accepted": REASON}
    ]


def test_the_text_says_what_the_linter_found_and_that_there_is_no_way_back(
    place: Workplace,
) -> None:
    text = " ".join(place.run("plan").stdout.split())
    assert f"error ban-drop-column: {FINDING} Accepted: {REASON}" in text
    assert "undo impossible, from here on: the values are gone" in text


def test_the_page_says_so_too(database: str) -> None:
    create_small(database)
    page = plan_page(plan_of(database, MIGRATION))
    assert f"* error `ban-drop-column`: {FINDING} Accepted: {REASON}" in page
    assert "It cannot be undone, and from it on nor can the migration: the values are" in page


def test_down_refuses_with_the_reason_before_it_asks(place: Workplace, database: str) -> None:
    migrate(database, MIGRATION)
    error = place.json("down", MIGRATION.id, code=2)["error"]
    assert "finalize.sql.0: the values are gone" in error["message"]
