"""The Prefect server goes away in mid-backfill: the migration does not notice."""

import os
import subprocess
import sys
from pathlib import Path

from pgtide.model.state import State
from tests.acceptance.flow_records import out_of_step, state_of
from tests.prefect_server import PrefectApi, prefect_api
from tests.users import create_users

__all__ = ["prefect_api"]

ROOT = Path(__file__).resolve().parents[2]


def test_a_server_lost_in_mid_backfill_does_not_stop_the_migration(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=20_000)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.flow_cut_off"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database, "PREFECT_API_URL": prefect_api.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert state_of(database) is State.VERIFIED
    assert out_of_step(database) == 0
    # A single artifact that waits for such a server takes 39 s.
    assert float(ended.stdout) < 20
