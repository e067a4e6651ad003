"""The repository's `prefect.yaml`, deployed and worked by Prefect's own commands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgtide.model.state import State
from tests.acceptance.flow_records import state_of
from tests.architecture.sources import ROOT
from tests.deployed import withdraw
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
        # A worker's folder there is the same for everybody, and belongs to who came first.
        "TMPDIR": os.environ["PREFECT_HOME"],
    }
    command = [PREFECT, "--no-prompt", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr


def of_pool(api: PrefectApi) -> list[Any]:
    found = api.ask("POST", "/deployments/filter", {"deployments": {}})
    return [one for one in found if one["work_pool_name"] == POOL]


@pytest.fixture
def deployed(database: str, prefect_api: PrefectApi) -> Iterator[list[Any]]:
    """Deploy the file to a pool; other tests know deployments of these names from elsewhere."""
    prefect(prefect_api, database, "work-pool", "create", POOL, "--type", "process")
    file = "deployments/prefect.yaml"
    try:
        prefect(prefect_api, database, "deploy", "--prefect-file", file, "--all")
        yield of_pool(prefect_api)
    finally:
        for one in of_pool(prefect_api):
            withdraw(prefect_api, one["id"])


def test_the_file_is_deployed_and_a_worker_does_what_is_asked_for(
    database: str, prefect_api: PrefectApi, deployed: list[Any]
) -> None:
    create_users(database, rows=200)
    names = sorted(one["name"] for one in deployed)
    assert names == [*[MIGRATION_ID] * 3, *["all"] * 3, "migrate"]
    assert ["pgtide" in one["tags"] for one in deployed] == [True] * 7
    (migrate,) = [one for one in deployed if one["name"] == "migrate"]
    run = prefect_api.ask("POST", f"/deployments/{migrate['id']}/create_flow_run", {})
    prefect(prefect_api, database, "worker", "start", "--pool", POOL, "--run-once")
    ended = soon(
        lambda: prefect_api.flow_run(run["id"]), lambda one: one["state_type"] == "COMPLETED"
    )
    assert ended["state_name"] == "Completed"
    assert state_of(database) is State.VERIFIED
