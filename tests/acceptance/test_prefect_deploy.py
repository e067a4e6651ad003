"""The repository's `prefect.yaml`, deployed and worked by Prefect's own commands."""

import os
import subprocess
import sys
from pathlib import Path

from pgtide.model.state import State
from tests.acceptance.flow_records import state_of
from tests.architecture.sources import ROOT
from tests.prefect_server import PrefectApi, prefect_api, soon
from tests.users import MIGRATION_ID, create_users

__all__ = ["prefect_api"]

PREFECT = str(Path(sys.executable).with_name("prefect"))
POOL = "pgtide-process"


def prefect(api: PrefectApi, database: str, *words: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PREFECT_HOME": os.environ["PREFECT_HOME"],
        "PREFECT_API_URL": api.url,
        "DATABASE_URL": database,
        "DO_NOT_TRACK": "1",
        "PGTIDE_BACKUP_FIRST": "0",
    }
    command = [PREFECT, "--no-prompt", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_file_is_deployed_and_a_worker_does_what_is_asked_for(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=200)
    prefect(prefect_api, database, "work-pool", "create", POOL, "--type", "process")
    file = "deployments/prefect.yaml"
    prefect(prefect_api, database, "deploy", "--prefect-file", file, "--all")
    deployed = prefect_api.ask("POST", "/deployments/filter", {"deployments": {}})
    ours = [one for one in deployed if one["work_pool_name"] == POOL]
    assert sorted(one["name"] for one in ours) == [
        *[MIGRATION_ID] * 3,
        *["all"] * 3,
        "migrate",
    ]
    assert ["pgtide" in one["tags"] for one in ours] == [True] * 7
    (migrate,) = [one for one in ours if one["name"] == "migrate"]
    run = prefect_api.ask("POST", f"/deployments/{migrate['id']}/create_flow_run", {})
    prefect(prefect_api, database, "worker", "start", "--pool", POOL, "--run-once")
    ended = soon(
        lambda: prefect_api.flow_run(run["id"]), lambda one: one["state_type"] == "COMPLETED"
    )
    assert ended["state_name"] == "Completed"
    assert state_of(database) is State.VERIFIED
