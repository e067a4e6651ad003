"""The flow of a table without rows: what is left is what orchestration costs.

From the flow run's start to its end, so neither with what a runner waits until it looks again nor
with what a process takes to load: in this process, by the clock, and in one that Prefect's runner
starts, by the server's own times. With its backup, as anywhere.
"""

import asyncio
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.runner import Runner
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deployments import deployments
from flows.loader import load_migration
from flows.run import run_flow
from flows.service.registering import for_runner
from pgtide.ledger.run import Caller
from tests.driving import ACTOR, record_of, settings_for
from tests.prefect_server import PrefectApi
from tests.users import MIGRATION_ID

_FILE = Path("migrations") / f"{MIGRATION_ID}.py"


def here(api: PrefectApi, url: str, folder: Path) -> float:
    """Run the flow in this process; return its seconds."""
    flow = load_migration(_FILE).flow
    settings = replace(
        settings_for(url), prefect_api_url=api.url, backup_first=True, backups_dir=folder
    )
    begun = time.monotonic()
    run_flow(flow, settings, Caller(actor=ACTOR))
    seconds = time.monotonic() - begun
    assert record_of(url, MIGRATION_ID).state == "verified"
    return seconds


def by_runner(api: PrefectApi, url: str, folder: Path) -> tuple[float, float]:
    """Have a runner start a process for it; return the run's seconds, and all of them."""
    with pytest.MonkeyPatch.context() as patch, temporary_settings({PREFECT_API_URL: api.url}):
        patch.setenv("DATABASE_URL", url)
        patch.setenv("PGTIDE_BACKUPS", str(folder))
        found = UUID(api.trigger(_registered()))
        begun = time.monotonic()
        asyncio.run(Runner(name="bench").execute_flow_run(found))
        whole = time.monotonic() - begun
    assert record_of(url, MIGRATION_ID).state == "verified"
    run = api.flow_run(str(found))
    began, ended = (datetime.fromisoformat(run[each]) for each in ("start_time", "end_time"))
    return (ended - began).total_seconds(), whole


def _registered() -> UUID:
    (wanted,) = [one for one in deployments([load_migration(_FILE)]) if one.name == "migrate"]
    with get_client(sync_client=True) as client:
        return cast("UUID", for_runner(client, wanted).apply())
