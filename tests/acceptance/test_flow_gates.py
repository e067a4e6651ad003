"""Gates in Prefect: a run is suspended, asks in its form, and goes on once the ledger has a yes."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.exceptions import Pause
from psycopg.rows import dict_row

from flows.loader import Loaded
from flows.migration_flow import flow_of
from pgtide import Migration
from pgtide.model.gate import Gate
from pgtide.model.state import State
from tests.acceptance.flow_records import state_of
from tests.approving import approve, dual_writing
from tests.command import Workplace
from tests.deployed import Deployed, deployed, everything
from tests.prefect_server import PrefectApi, prefect_api
from tests.users import MIGRATION_ID, create_users, email_migration

__all__ = ["prefect_api"]

MIGRATE = f"{MIGRATION_ID}/migrate"
CONTRACT, PURGE = f"contract/{MIGRATION_ID}", f"purge/{MIGRATION_ID}"
REAPER, PURGE_DUE = "reaper/all", "purge-due/all"
NAMED = ("2.1.0", "contract")
LIVE = {"release": "2.2.0", "hurry": "a test has no day to wait"}


def answer(decision: str, name: str, reason: str = "seen in the plan") -> dict[str, object]:
    return {"decision": decision, "name": name, "reason": reason}


def loaded(migration: Migration) -> Loaded:
    path = Path("migrations") / f"{MIGRATION_ID}.py"
    flow = flow_of(migration, MIGRATION_ID)
    return Loaded(id=MIGRATION_ID, path=path, migration=migration, flow=flow)


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


def without_ids(form: dict[str, Any]) -> dict[str, Any]:
    """Return a form as far as it stays the same: each time it links to newer pages."""
    description = re.sub("/artifact/[0-9a-f-]+", "/artifact/newest", form["description"])
    assert "[plan](" in description
    assert "/artifact/newest)" in description
    # Nothing was verified yet.
    assert "[verification](" not in description
    return {**form, "description": description}


def not_by_force(database: str, made: Deployed, run: str) -> None:
    """Check that starting it by force is no answer, and a form no second person."""
    form = without_ids(asked(made, run))
    made.put(run, {"type": "SCHEDULED"})
    assert without_ids(suspended(made, run)) == form
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGTIDE_FOUR_EYES", "1")
        assert made.resume(run, answer("approve", "bob"))["status"] == "ACCEPT"
        ended = made.work(run)
    assert (ended["type"], "a form cannot tell" in ended["message"]) == ("FAILED", True)
    assert decisions(database) == []
    # What did not count is forgotten: it asks again.
    made.put(run, {"type": "SCHEDULED"})
    assert without_ids(suspended(made, run)) == form


def test_a_gate_asks_in_the_run_and_an_empty_answer_is_none(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=300)
    with deployed(prefect_api, everything(loaded(dual_writing())), database) as made:
        run = made.trigger(MIGRATE)
        form = suspended(made, run)
        assert sorted(form["schema"]["required"]) == ["decision", "name", "reason"]
        assert "may backfill begin?" in form["description"]
        assert "`pgtide approve 2.1.0 dual_write_deployed --reason TEXT`" in form["description"]
        pages = {one["key"].split("-2025")[0] for one in made.api.artifacts(run)}
        assert {"plan", "gate", "summary"} <= pages
        assert state_of(database) is State.EXPANDED

        blank = {**answer("approve", "bob"), "reason": " "}
        for nothing in (None, {}, answer("approve", " "), blank):
            assert made.resume(run, nothing)["status"] == "REJECT"
        # The question stands: nobody wakes it.
        assert made.run(REAPER)["name"] == "NothingToDo"
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


def test_a_run_that_waits_at_its_gate_hears_of_what_is_decided_elsewhere(
    verified: str, prefect_api: PrefectApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTIDE_BACKUPS", str(tmp_path / "backups"))
    with deployed(prefect_api, everything(loaded(email_migration())), verified) as made:
        run = made.trigger(CONTRACT, LIVE)
        assert "Verification passed at level L2" in suspended(made, run)["description"]
        # The ledger knows that it waits: this person has no Prefect.
        place = Workplace(folder=tmp_path, url=verified)
        no = place.run("approve", *NAMED, "--reject", "--reason", "on Friday", "--by", "ann")
        assert "A run that waits for it in Prefect hears of it within minutes." in no.stdout
        assert "Prefect" not in place.run("approve", *NAMED, "--reject", "--reason", "no").stdout
        kinds = [line["kind"] for line in place.json("history", "2.1.0")]
        assert kinds[-3:] == ["asked", "rejected", "rejected"]
        assert "goes on from its gate" in made.run(REAPER)["message"]
        # After a no it asks again, and says who was against it.
        assert "rejected it: no" in suspended(made, run)["description"]
        approve(verified, Gate.CONTRACT, by="ann")
        made.run(REAPER)
        assert made.work(run)["name"] == "Completed"
    assert state_of(verified) is State.CONTRACTED


def test_what_is_due_only_asks_and_nothing_drops_unattended(
    contracted: str, prefect_api: PrefectApi
) -> None:
    with deployed(prefect_api, everything(loaded(email_migration())), contracted) as made:
        assert made.run(PURGE_DUE)["message"] == "Nothing was found to do."
        eight_days_pass(contracted)
        assert "asks whether the old columns may go" in made.run(PURGE_DUE)["message"]
        # What had found nothing is cleared away.
        assert len(made.runs(PURGE_DUE)) == 1
        (purge,) = made.runs(PURGE)
        form = suspended(made, purge["id"])
        assert "no way back any more" in form["description"]
        assert "restored on trial and compared" in form["description"]
        assert "is Suspended already" in made.run(PURGE_DUE)["message"]

        no = answer("reject", "carol", "not yet")
        assert made.resume(purge["id"], no)["status"] == "ACCEPT"
        ended = made.work(purge["id"])
        assert (ended["type"], ended["name"]) == ("COMPLETED", "Waiting")
        assert "carol rejected it: not yet" in ended["message"]
        assert "carol rejected it" in made.run(PURGE_DUE)["message"]
        # Whoever has said yes: it would drop with nobody there.
        approve(contracted, Gate.READS_SWITCHED, by="ann")
        assert made.run(PURGE_DUE)["name"] == "NothingToDo"
        assert len(made.runs(PURGE)) == 1
    assert state_of(contracted) is State.CONTRACTED


def eight_days_pass(url: str) -> None:
    """Let more time pass than retention takes."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE pgtide.phase SET started_at = started_at - interval '8 days',"
            " ended_at = ended_at - interval '8 days'"
        )
