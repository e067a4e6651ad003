"""What looks after migrations while nobody does: lost flow runs, and what was left unfinished."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from prefect.client.orchestration import get_client

from flows.deployments import TAG, mark_of
from flows.service.abandoned import put_back
from flows.service.neighbours import neighbours
from pgtide.ledger.presence import Presence
from pgtide.ledger.rate import LiveRate, keep
from pgtide.model.state import State
from pgtide.operate.hold import pause
from pgtide.postgres.session import connect
from pgtide.settings import load
from tests.acceptance.flow_records import email, out_of_step, state_of
from tests.deployed import Deployed, deployed, everything, until
from tests.driving import record_of
from tests.prefect_server import PrefectApi, prefect_api
from tests.users import MIGRATION_ID, create_users

__all__ = ["prefect_api"]

MIGRATE, REAPER, RESUME = f"{MIGRATION_ID}/migrate", "reaper/all", "resume/all"
SLOW = {"duty": 0.05, "workers": 1}
# As its schedule has it.
CUT_OFF = {"only_cut_off": True}


@pytest.fixture
def made(database: str, prefect_api: PrefectApi) -> Iterator[Deployed]:
    create_users(database, rows=20_000)
    with deployed(prefect_api, everything(email()), database) as one:
        yield one


def at_once(run: UUID) -> list[str]:
    """Put back what has lost its process, however short a time ago, as a run beside it does."""
    settings = load()
    with get_client(sync_client=True) as client, connect(settings.url, purpose="test") as session:
        beside = neighbours(client, client.read_flow_run(run))
        return list(put_back(beside, session, settings, age=timedelta(0)))


def lost(made: Deployed, name: str, kind: str) -> str:
    """Return a flow run with the state that a killed runner leaves."""
    found = made.trigger(name)
    if kind == "CANCELLING":
        made.put(found, {"type": "RUNNING"})
    made.put(found, {"type": kind})
    return found


def elsewhere(made: Deployed) -> str:
    """Return a run at work that another folder has deployed on the same server."""
    (flow,) = made.api.ask("POST", "/flows/filter", {"flows": {"name": {"any_": [MIGRATION_ID]}}})
    body = {"flow_id": flow["id"], "path": "/elsewhere", "tags": [TAG, mark_of(MIGRATION_ID)]}
    other = made.api.ask("POST", "/deployments/", {"name": "of another target", **body})
    path = f"/deployments/{other['id']}/create_flow_run"
    found = str(made.api.ask("POST", path, {})["id"])
    made.put(found, {"type": "RUNNING"})
    return found


def backfilling(url: str, made: Deployed) -> tuple[str, Any]:
    """Begin a run that takes its time; return it once rows are being filled."""
    run = made.trigger(MIGRATE, SLOW)
    working = made.begin(run)
    until(lambda: begun(url))
    return run, working


def begun(url: str) -> bool:
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('pgtide.slice')").fetchone() == (None,):
            return False
        row = connection.execute("SELECT coalesce(sum(rows), 0) > 0 FROM pgtide.slice").fetchone()
    return row == (True,)


def test_a_flow_run_without_a_process_is_put_back_and_no_other(
    database: str, made: Deployed
) -> None:
    reaper, run = lost(made, REAPER, "RUNNING"), UUID(made.trigger(REAPER))
    alive, working = backfilling(database, made)
    pending, cancelling = lost(made, MIGRATE, "PENDING"), lost(made, MIGRATE, "CANCELLING")
    often = lost(made, MIGRATE, "RUNNING")
    for _ in range(10):
        made.put(often, {"type": "SCHEDULED"})
        made.put(often, {"type": "RUNNING"})
    checking, other = lost(made, MIGRATE, "RUNNING"), elsewhere(made)
    # As a process does that has not come to its work yet: preflight may take an hour.
    presence = Presence(load(), checking)
    presence.keep()

    told = at_once(run)
    names = {each: made.state(each)["name"] for each in (pending, cancelling, often, reaper)}
    assert names == {
        pending: "AwaitingRetry",
        cancelling: "Cancelled",
        often: "Crashed",
        reaper: "Crashed",
    }
    assert len(told) == 4
    assert {made.state(each)["type"] for each in (alive, checking, other)} == {"RUNNING"}
    presence.end()
    assert len(until(lambda: at_once(run))) == 1
    assert made.state(checking)["name"] == "AwaitingRetry"
    made.cancel(alive)
    working.done()


def test_what_was_left_goes_on_by_itself_only_where_nobody_stopped_it(
    database: str, made: Deployed
) -> None:
    run, working = backfilling(database, made)
    made.cancel(run)
    working.done()
    # A person has cancelled it: nobody goes on by a schedule.
    assert made.run(RESUME, CUT_OFF)["name"] == "NothingToDo"
    died(database)
    assert "its process died" in made.run(RESUME, CUT_OFF)["message"]
    # Nor is a second one begun beside the first.
    assert "is Scheduled already" in made.run(RESUME, CUT_OFF)["message"]
    (begun,) = coming(made)
    made.forget(begun)

    with connect(database, purpose="operator") as session:
        pause(session, record_of(database, MIGRATION_ID), by="ann", reason="rush hour")
        keep(session, MIGRATION_ID, LiveRate(duty=1.0, batch_ms=50.0), by="ann")
    held = made.run(RESUME)
    assert held["name"] == "NothingToDo"
    assert "it waits for the end of an operator's hold" in held["message"]
    assert "goes on" in made.run(RESUME, {"end_holds": True})["message"]
    (begun,) = coming(made)
    assert made.work(begun)["name"] == "Completed"
    assert state_of(database) is State.VERIFIED
    assert out_of_step(database) == 0
    assert made.run(RESUME)["name"] == "NothingToDo"


def died(url: str) -> None:
    """Leave the ledger as a killed process does."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE pgtide.run SET ended_at = NULL, outcome = NULL,"
            " heartbeat_at = clock_timestamp() - interval '1 minute'"
        )


def coming(made: Deployed) -> list[str]:
    """Return the runs of the migration that a runner would fetch."""
    return [str(one["id"]) for one in made.runs(MIGRATE) if one["state_type"] == "SCHEDULED"]
