"""The plan's page shows each statement with its lock, and how it is undone."""

from pgtide.model.plan import BackfillSql, Expected, Plan, Terms
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import TableName
from pgtide.report.plan_text import plan_page

EXPAND = Step(
    name="expand.shape",
    phase=Phase.EXPAND,
    statements=(
        Statement(
            sql="ALTER TABLE t ADD COLUMN a int",
            lock=Lock.ACCESS_EXCLUSIVE,
            why="room for a | b",
            undo="ALTER TABLE t DROP COLUMN a",
        ),
    ),
    present="",
)
FINALIZE = Step(
    name="finalize.index",
    phase=Phase.FINALIZE,
    statements=(
        Statement(
            sql="CREATE INDEX CONCURRENTLY i ON t (a);",
            lock=Lock.SHARE_UPDATE_EXCLUSIVE,
            why="searches",
        ),
    ),
    present="",
    transactional=False,
)
PLAN = Plan(
    migration_id="20260101_000000_a",
    version="1.0.0",
    tag="t",
    table=TableName(schema="public", name="t"),
    table_oid=1,
    key=("id",),
    expand=(EXPAND,),
    finalize=(FINALIZE,),
    sync=None,
    backfill=BackfillSql(assignments="a = 1", in_step="t.a = 1"),
    comparisons=(),
    archive=None,
    expected=Expected(columns=(), indexes=()),
    terms=Terms(contract_release="1.1.0"),
    replacements=(),
    twins=(),
    releases=("old names: always",),
    notes=(),
)


def test_each_statement_is_shown_with_lock_reason_and_undo() -> None:
    page = plan_page(PLAN, warnings=("a trigger fires",))
    assert "| room for a \\| b | AccessExclusiveLock | reads and writes | no |" in page
    assert "```sql\nALTER TABLE t ADD COLUMN a int;\n```" in page
    assert "Undone by:\n\n```sql\nALTER TABLE t DROP COLUMN a;\n```" in page
    assert "CREATE INDEX CONCURRENTLY i ON t (a);\n" in page
    assert "finalize.index, each statement by itself" in page
    assert "* a trigger fires" in page
    assert "* old names: always" in page
    assert "a = 1" in page


def test_the_phases_stand_in_the_order_of_execution() -> None:
    page = plan_page(PLAN)
    places = [page.index(f"## {phase}\n") for phase in ("Expand", "Backfill", "Finalize")]
    assert places == sorted(places)


def test_the_backup_that_comes_first_stands_before_expand() -> None:
    page = plan_page(PLAN, backup="It is dumped.")
    assert page.index("## Backup\n\nIt is dumped.") < page.index("## Expand\n")
    assert "## Backup" not in plan_page(PLAN)
