"""A flow's process dies at every boundary of a phase, one after the other, on one migration."""

import signal
from itertools import product
from pathlib import Path

import psycopg

from flows.run import run_flow
from pgtide.ledger.run import Caller
from pgtide.model.route import FORWARD
from pgtide.model.state import DONE, RUNNING, Phase, State
from tests.acceptance.flow_process import child
from tests.acceptance.flow_records import email, out_of_step, runs, state_of
from tests.prefect_server import PrefectApi, prefect_api
from tests.users import create_users

__all__ = ["prefect_api"]

BOUNDARIES = tuple(product(FORWARD, ("began", "ended")))


def rows_per_slice(url: str) -> dict[int, int]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT id, rows FROM pgtide.slice").fetchall())


def test_a_flow_killed_at_every_boundary_goes_on_from_each(
    database: str, prefect_api: PrefectApi, tmp_path: Path
) -> None:
    create_users(database, rows=3000)
    filled: dict[int, int] = {}
    for phase, kind in BOUNDARIES:
        with child(
            prefect_api, database, "boundary", kind, phase, backups=tmp_path / "backups"
        ) as process:
            assert process.wait(60) == -signal.SIGKILL, f"{kind} {phase} was never reached"
        assert state_of(database) is (RUNNING[phase] if kind == "began" else DONE[phase])
        # What an earlier process has filled is never filled again.
        now = rows_per_slice(database)
        assert {i: now[i] for i in filled} == filled
        filled = now if phase not in {Phase.BACKUP, Phase.EXPAND} and kind == "ended" else filled

    run_flow(email().flow, prefect_api.settings(database), Caller(actor="ann"))

    assert state_of(database) is State.VERIFIED
    assert out_of_step(database) == 0
    assert [run["outcome"] for run in runs(database)] == ["lost"] * len(BOUNDARIES) + ["ended"]
