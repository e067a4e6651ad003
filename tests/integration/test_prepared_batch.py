"""A batch's statements are prepared, and one that fits all batches still goes by tuple id."""

from dataclasses import replace
from functools import partial
from typing import Any

from pgtide import Backfill
from pgtide.backfill import statements
from pgtide.backfill.crew import Crew
from pgtide.backfill.hands import Hands
from pgtide.backfill.spread import side_by_side, spread
from pgtide.backfill.throttle.wait import Worker
from pgtide.ledger.run import Caller
from pgtide.ledger.slices import Kind
from pgtide.ledger.worker import Worker as Lent
from pgtide.model.state import Phase
from pgtide.phases.cutting import cut_walk
from pgtide.phases.forward import forward, opened
from pgtide.postgres.session import Session
from tests.driving import ACTOR, settings_for
from tests.users import create_users, email_migration

# Of the strategy's table: slices of several passes, each of at least four batches.
ROWS = 30_000
HANDS = Hands(number=1, why="the test says so")
_PREPARED = "SELECT name, statement, generic_plans, custom_plans FROM pg_prepared_statements"
_GENERIC = "EXPLAIN (COSTS OFF) EXECUTE {name} ('(0,0)', '(9,0)', 0, 26)"


def generic_plan(session: Session, name: str) -> str:
    with session.transaction(settings={"plan_cache_mode": "force_generic_plan"}):
        lines = session.rows(_GENERIC.format(name=name))
    return "\n".join(line["QUERY PLAN"] for line in lines)


def test_the_update_of_a_range_of_blocks_is_planned_once_for_all_and_reads_no_more(
    database: str,
) -> None:
    create_users(database, rows=ROWS)
    filling = Backfill(workers=1)
    seen: list[dict[str, Any]] = []
    plans: list[str] = []

    def before(worker: Worker) -> None:
        assert isinstance(worker, Lent)
        seen[:] = worker.session.rows(_PREPARED)
        shared = [one for one in seen if "hashtid" in one["statement"]]
        if shared and not plans:
            plans.append(generic_plan(worker.session, shared[0]["name"]))

    migration = replace(email_migration(), backfill=filling)
    with opened(settings_for(database), Caller(actor=ACTOR), migration) as run:
        forward(run, Phase.EXPAND)
        cut_walk(run, HANDS)
        sql = run.plan.backfill
        assert sql is not None
        works = partial(statements.filling, run.plan, sql)
        with Crew(run, HANDS, before) as crew:
            spread(crew, works, Kind.WALK, number=0, over=side_by_side, workers=1)

    [plan] = plans
    assert "Tid Range Scan on users t" in plan
    assert "TID Cond: ((ctid >= $1) AND (ctid < $2))" in plan
    # The checkpoint, the count, and the UPDATE with a share and for the last pass without one.
    assert len(seen) == 4
    updates = [one for one in seen if one["statement"].startswith("UPDATE ONLY")]
    last, shared = sorted(updates, key=lambda one: "hashtid" in one["statement"])
    assert "hashtid" not in last["statement"]
    # Four batches in each pass over three slices; the server tries five times before it settles.
    assert last["generic_plans"] + last["custom_plans"] >= 3 * 4 - 1
    assert shared["generic_plans"] >= 3 * 4 * 2
    assert shared["custom_plans"] == 5
