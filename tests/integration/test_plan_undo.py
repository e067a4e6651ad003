"""The plan says of each statement what takes it back, or that nothing does."""

import pytest

from pgtide import ReplaceColumn
from pgtide.model.state import State
from pgtide.operate.plan import PlanStatement, Progressed, statements
from pgtide.phases.later_steps import later_steps
from pgtide.postgres.catalog import read_table
from pgtide.postgres.session import connect
from tests.driving import migrate, plan_of, record_of, settings_for
from tests.later import contract, purge
from tests.small_table import SMALL_ID, create_small, run, small_migration

WIDER = small_migration(ReplaceColumn("a", type="bigint"))


@pytest.fixture
def small(database: str) -> str:
    """A table with a view on the column whose type changes."""
    create_small(database)
    run(database, "CREATE VIEW public.v AS SELECT a FROM public.t")
    return database


def planned(url: str, phase: str) -> list[PlanStatement]:
    """Return what the plan has of a phase, before the migration begins or later."""
    begun = run(url, "SELECT to_regclass('pgtide.migration') IS NOT NULL") == [(True,)]
    record = record_of(url, SMALL_ID) if begun else None
    plan = record.plan if record else plan_of(url, WIDER)
    with connect(url, purpose="test") as session:
        table = read_table(session, plan.table, plan.table_oid)
        later = later_steps(session, plan, table, record)
    rows = statements(plan, settings_for(url), Progressed(), verify_sql=None, later=later)
    return [one for one in rows if one.phase == phase]


@pytest.mark.untouched
def test_what_purge_drops_is_not_said_to_need_no_undo(small: str) -> None:
    rows = planned(small, "purge")
    assert rows
    assert {one.irreversible for one in rows} == {"only a backup has what purge drops"}
    migrate(small, WIDER)
    contract(small, SMALL_ID)
    purge(small, SMALL_ID)
    (done,) = planned(small, "purge")
    assert done.irreversible == "only a backup has what purge drops"


@pytest.mark.untouched
def test_what_contract_replaces_is_replaced_back(small: str) -> None:
    rows = planned(small, "contract")
    without = [one.sql for one in rows if one.undo is None]
    assert without
    assert all(sql.startswith("LOCK TABLE ") for sql in without)
    (function,) = (one for one in rows if one.sql.startswith("CREATE OR REPLACE FUNCTION"))
    assert function.undo is not None
    assert function.undo.startswith("CREATE OR REPLACE FUNCTION")
    assert function.undo != function.sql
    views = [one for one in rows if " VIEW " in one.sql and not one.sql.startswith("LOCK")]
    assert views
    assert {one.irreversible for one in rows} == {None}


@pytest.mark.parametrize("state", [State.VERIFIED, State.CONTRACTED, State.COMPLETED])
def test_a_verification_is_done_also_once_the_migration_is_further(
    small: str, state: State
) -> None:
    (row,) = (
        one
        for one in statements(
            plan_of(small, WIDER),
            settings_for(small),
            Progressed(state=state, standing=state),
            verify_sql="SELECT 1",
        )
        if one.phase == "verify"
    )
    assert row.state == "done"
