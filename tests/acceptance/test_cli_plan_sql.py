"""A declared statement in the plan: its findings, its lock, and that nothing takes it back."""

from dataclasses import replace
from pathlib import Path

import pytest

from pgtide import Sql
from pgtide.operate.plan import Progressed, statements
from pgtide.phases.later_steps import later_steps
from pgtide.postgres.catalog import read_table
from pgtide.postgres.session import connect
from pgtide.report.plan_text import plan_page
from tests.command import Workplace
from tests.driving import migrate, plan_of, settings_for
from tests.later import contract
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


VIEW = Sql(phase="finalize", up="CREATE VIEW v AS SELECT a FROM t", down="DROP VIEW v")


def test_the_way_back_is_shown_as_its_author_wrote_it(database: str) -> None:
    """The search path that goes ahead of it is for undo from psql."""
    create_small(database)
    plan = plan_of(database, small_migration(VIEW))
    assert "search_path" in str(plan.finalize[0].undo)
    [row, *_] = statements(plan, settings_for(database), Progressed(), verify_sql=None)
    assert row.undo == "DROP VIEW v"
    assert "search_path" not in plan_page(plan)


def test_after_contract_too(database: str) -> None:
    create_small(database)
    migration = small_migration(replace(VIEW, phase="contract"))
    migrate(database, migration)
    record = contract(database, migration.id)
    with connect(database, purpose="test") as session:
        table = read_table(session, record.plan.table, record.plan.table_oid)
        later = later_steps(session, record.plan, table, record)
    rows = statements(
        record.plan, settings_for(database), Progressed(), verify_sql=None, later=later
    )
    [undo] = [row.undo for row in rows if "DROP VIEW v" in (row.undo or "")]
    assert undo is not None
    assert "search_path" not in undo
