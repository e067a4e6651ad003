"""A flow's process dies in mid-backfill: the next one goes on from the last committed batch."""

import signal
from pathlib import Path

import psycopg

from flows.run import run_flow
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from tests.acceptance.flow_process import child
from tests.acceptance.flow_records import Heard, email, out_of_step, runs, state_of
from tests.prefect_server import PrefectApi, prefect_api, soon
from tests.users import create_users

__all__ = ["prefect_api"]

ROWS = 20_000


def batches(url: str) -> int:
    """Count the batches that the ledger has as committed; 0 before there is a ledger."""
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('pgtide.slice')").fetchone() == (None,):
            return 0
        found = connection.execute("SELECT coalesce(sum(batches), 0) FROM pgtide.slice").fetchone()
    assert found is not None
    return int(found[0])


def test_a_flow_killed_in_mid_backfill_goes_on_without_repeating_a_batch(
    database: str, prefect_api: PrefectApi, tmp_path: Path
) -> None:
    create_users(database, rows=ROWS)
    journal = tmp_path / "journal"
    with child(prefect_api, database, "kill", str(journal), "7") as process:
        assert process.wait(60) == -signal.SIGKILL
    committed = [
        line.removeprefix("committed ")
        for line in journal.read_text("utf-8").splitlines()
        if line.startswith("committed ")
    ]
    assert len(committed) == 7
    # The other worker may have committed one that nobody could write down any more.
    assert batches(database) in {7, 8}
    assert state_of(database) is State.BACKFILLING

    heard = Heard()
    run_flow(email().flow, prefect_api.settings(database), Caller(actor="ann", emit=heard))
    assert state_of(database) is State.VERIFIED
    assert out_of_step(database) == 0
    again = {str(batch) for batch in heard.batches} & set(committed)
    assert not again
    assert [run["outcome"] for run in runs(database)] == ["lost", "ended"]


def test_a_worker_told_to_end_checkpoints_its_batch_and_ends(
    database: str, prefect_api: PrefectApi
) -> None:
    """A worker's process has only its environment, and is cancelled with SIGTERM."""
    create_users(database, rows=ROWS)
    expanded = Caller(actor="ann")
    run_flow(email().flow, prefect_api.settings(database), expanded, until=Phase.EXPAND)
    with (
        psycopg.connect(database) as blocker,
        child(prefect_api, database, "work") as process,
    ):
        # The backfill cannot get past this row, so that it is at work when the signal comes.
        found = blocker.execute(
            "SELECT FROM public.users WHERE id = 30003 AND email_verified FOR UPDATE"
        )
        assert found.rowcount == 1, "a row without a flag needs no backfill and blocks none"
        assert soon(lambda: batches(database), bool)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) != 0
    assert state_of(database) is State.BACKFILLING
    run = runs(database)[-1]
    assert run["outcome"] == "interrupted"
    state = prefect_api.flow_run(run["flow_run_id"])["state"]
    assert state["type"] == "CRASHED"
    assert "termination signal" in state["message"]
