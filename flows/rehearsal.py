"""A dry run: everything is checked and the plan is shown; nothing is changed."""

from functools import partial

from prefect import State, get_run_logger
from prefect.states import Completed

from flows.artifacts import ABOUT_PLANS
from flows.carried import carried_out
from flows.context import Invocation
from flows.noticeboard import Noticeboard
from pgtide.errors import PgtideError
from pgtide.ledger.record import find
from pgtide.model.migration import Migration
from pgtide.operate.first_backup import first_backup, told
from pgtide.phases.preflight import preflight, warnings
from pgtide.phases.target import target_table
from pgtide.postgres.session import connect
from pgtide.report.plan_text import plan_page


def rehearsed(migration: Migration) -> State[PgtideError]:
    """Show what a migration would do now; return the state that says that nothing was done."""
    return carried_out(None, partial(_rehearse, migration)) or Completed(
        name="DryRun", message="Nothing was changed. The plan is among the artifacts."
    )


def _rehearse(migration: Migration, invocation: Invocation) -> None:
    board, settings = Noticeboard(migration.id, get_run_logger()), invocation.settings
    with board.open(), connect(settings.url, purpose="dry run") as session:
        plan = preflight(session, settings, migration)
        first = first_backup(session, settings, find(session, migration.id))
        page = plan_page(
            plan,
            warnings=warnings(session, plan, target_table(session, plan.table)),
            backup=told(first) if first else "",
        )
        board.markdown("plan", page, ABOUT_PLANS)
