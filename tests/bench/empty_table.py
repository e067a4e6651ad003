"""The flow of a table without rows: what is left is what orchestration costs.

From the flow run's start to its end, so neither with what a runner waits until it looks again nor
with what a process takes to load: in this process, by the clock, and in one as Prefect's runner
starts it, by the server's own times. With its backup, as anywhere.
"""

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deployments import deployments
from flows.loader import load_migration
from flows.run import run_flow
from flows.service.registering import for_runner
from pgtide.ledger.run import Caller
from tests.driving import ACTOR, record_of, settings_for
from tests.prefect_server import PrefectApi
from tests.users import MIGRATION_ID

_FILE: Final = Path("migrations") / f"{MIGRATION_ID}.py"
# What Prefect's runner starts for each flow run.
_PROGRAM: Final = (sys.executable, "-m", "prefect.engine")


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
    """Run it in a process as a runner starts one; return the run's seconds, and the process's."""
    with temporary_settings({PREFECT_API_URL: api.url}):
        found = api.trigger(_registered())
    given = {
        "DATABASE_URL": url,
        "PGTIDE_BACKUPS": str(folder),
        "PREFECT_API_URL": api.url,
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT__FLOW_RUN_ID": found,
    }
    begun = time.monotonic()
    subprocess.run([*_PROGRAM], env={**os.environ, **given}, check=True)
    whole = time.monotonic() - begun
    assert record_of(url, MIGRATION_ID).state == "verified"
    run = api.flow_run(found)
    began, ended = (datetime.fromisoformat(run[each]) for each in ("start_time", "end_time"))
    return (ended - began).total_seconds(), whole


def _registered() -> UUID:
    (wanted,) = [one for one in deployments([load_migration(_FILE)]) if one.name == "migrate"]
    with get_client(sync_client=True) as client:
        return cast("UUID", for_runner(client, wanted).apply())
