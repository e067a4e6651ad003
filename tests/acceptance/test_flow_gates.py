"""Gates in Prefect: a run is suspended, asks in its form, and goes on once the ledger has a yes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.exceptions import Pause
from psycopg.rows import dict_row

from flows.loader import Loaded
from flows.migration_flow import flow_of
from pgtide.model.gate import Gate
from pgtide.model.state import State
from tests.acceptance.flow_records import state_of
from tests.approving import approve, dual_writing
from tests.deployed import Deployed, deployed, everything
from tests.prefect_server import PrefectApi, prefect_api
from tests.users import MIGRATION_ID, create_users

__all__ = ["prefect_api"]

MIGRATE, CONTRACT = f"{MIGRATION_ID}/migrate", f"contract/{MIGRATION_ID}"
REAPER, PURGE_DUE = "reaper/all", "purge-due/all"
LIVE = {"release": "2.2.0", "hurry": "a test has no day to wait"}


def answer(decision: str, name: str, reason: str = "seen in the plan") -> dict[str, object]:
    return {"decision": decision, "name": name, "reason": reason}


@pytest.fixture
def made(database: str, prefect_api: PrefectApi, tmp_path: Path) -> Iterator[Deployed]:
    create_users(database, rows=300)
    migration = replace(dual_writing(), retain=timedelta(0))
    path = Path("migrations") / f"{MIGRATION_ID}.py"
    loaded = Loaded(
        id=MIGRATION_ID, path=path, migration=migration, flow=flow_of(migration, MIGRATION_ID)
    )
    with (
        deployed(prefect_api, everything(loaded), database) as one,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("PGTIDE_BACKUPS", str(tmp_path / "backups"))
        yield one


def decisions(url: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(
            "SELECT gate, approved, actor, typed_by, reason FROM pgtide.approval ORDER BY id"
        ).fetchall()


def asked(made: Deployed, flow_run_id: str) -> dict[str, Any]:
    """Return the form of a suspended run as the UI gets it: its schema, its text."""
    state = made.state(flow_run_id)
    assert (state["type"], state["name"]) == ("PAUSED", "Suspended"), state
    keys = state["state_details"]["run_input_keyset"]
    path = f"/flow_runs/{flow_run_id}/input"
    return {
        kind: made.api.ask("GET", f"{path}/{keys[kind]}", None)
        for kind in keys
        if kind != "response"
    }


def suspended(made: Deployed, flow_run_id: str) -> dict[str, Any]:
    """Work a run until it is suspended; return its form."""
    working = made.begin(flow_run_id)
    working.done()
    assert [type(one) for one in working.left] == [Pause]
    return asked(made, flow_run_id)


def not_by_force(database: str, made: Deployed, run: str) -> None:
    """Check that starting it by force is no answer, and a form no second person."""
    form = asked(made, run)
    made.put(run, {"type": "SCHEDULED"})
    assert suspended(made, run) == form
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGTIDE_FOUR_EYES", "1")
        assert made.resume(run, answer("approve", "bob"))["status"] == "ACCEPT"
        ended = made.work(run)
    assert (ended["type"], "a form cannot tell" in ended["message"]) == ("FAILED", True)
    assert decisions(database) == []
    # What did not count is forgotten: it asks again.
    made.put(run, {"type": "SCHEDULED"})
    assert suspended(made, run) == form


def test_a_gate_asks_in_the_run_and_an_empty_answer_is_none(database: str, made: Deployed) -> None:
    run = made.trigger(MIGRATE)
    form = suspended(made, run)
    assert sorted(form["schema"]["required"]) == ["decision", "name", "reason"]
    assert "may backfill begin?" in form["description"]
    assert "`pgtide approve 2.1.0 dual_write_deployed --reason TEXT`" in form["description"]
    pages = {one["key"].split("-2025")[0] for one in made.api.artifacts(run)}
    assert {"plan", "gate", "summary"} <= pages
    assert state_of(database) is State.EXPANDED

    for nothing in (None, {}, answer("approve", " "), {**answer("approve", "bob"), "reason": ""}):
        assert made.resume(run, nothing)["status"] == "REJECT"
    # The question still stands: nobody wakes it, and what found nothing clears up after itself.
    for _ in range(2):
        assert made.run(REAPER)["name"] == "NothingToDo"
    assert len(made.runs(REAPER)) == 1
    assert asked(made, run) == form

    not_by_force(database, made, run)
    assert made.resume(run, answer("approve", "bob"))["status"] == "ACCEPT"
    assert made.work(run)["name"] == "Completed"
    assert state_of(database) is State.VERIFIED
    assert decisions(database) == [
        {
            "gate": "dual_write_deployed",
            "approved": True,
            "actor": "bob",
            "typed_by": "the form of a Prefect run",
            "reason": "seen in the plan",
        }
    ]


def test_a_decision_made_elsewhere_wakes_the_run_and_what_is_due_only_asks(
    database: str, made: Deployed
) -> None:
    first = made.trigger(MIGRATE)
    suspended(made, first)
    approve(database, Gate.DUAL_WRITE_DEPLOYED, by="ann")
    assert "goes on from its gate" in made.run(REAPER)["message"]
    assert made.work(first)["name"] == "Completed"

    contract = made.trigger(CONTRACT, LIVE)
    form = suspended(made, contract)
    assert "Verification passed at level L2" in form["description"]
    # A no wakes it too: it asks again, and says who was against it.
    approve(database, Gate.CONTRACT, by="ann", reject=True, reason="on Friday")
    made.run(REAPER)
    assert "ann rejected it: on Friday" in suspended(made, contract)["description"]
    approve(database, Gate.CONTRACT, by="ann")
    made.run(REAPER)
    assert made.work(contract)["name"] == "Completed"
    assert state_of(database) is State.CONTRACTED

    assert "asks whether the old columns may go" in made.run(PURGE_DUE)["message"]
    (purge,) = made.runs(f"purge/{MIGRATION_ID}")
    form = suspended(made, purge["id"])
    assert "no way back any more" in form["description"]
    assert "restored on trial and compared" in form["description"]
    made.run(PURGE_DUE)
    assert made.resume(purge["id"], answer("reject", "carol", "not yet"))["status"] == "ACCEPT"
    ended = made.work(purge["id"])
    assert (ended["type"], ended["name"]) == ("COMPLETED", "Waiting")
    assert "carol rejected it: not yet" in ended["message"]
    assert "carol rejected it" in made.run(PURGE_DUE)["message"]
    # Nothing drops unattended, whoever has said yes.
    approve(database, Gate.READS_SWITCHED, by="ann")
    assert made.run(PURGE_DUE)["name"] == "NothingToDo"
    assert len(made.runs(f"purge/{MIGRATION_ID}")) == 1
    assert state_of(database) is State.CONTRACTED
