"""The start of the process that runs flows, and of what it knows: its environment."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from flows.service.place import Place
from flows.service.record import Served, read_served
from pgtide.errors import Failed
from pgtide.settings import Settings, for_runs

_PROGRAM: Final = Path(__file__).with_name("runner_process.py")
# Ten seconds for a few migrations, some tenths for each more; a busy machine takes ten times that.
_PATIENCE: Final = 300.0
_POLL: Final = 0.1
# How long flow runs have for their next checkpoint, where the service itself stops: a batch is far
# shorter, and a phase's transaction has limits of its own.
DRAIN_SECONDS: Final = 30.0


def start_runner(place: Place, settings: Settings, api_url: str) -> subprocess.Popen[bytes]:
    """Start the process; the database's address is in its environment, and nowhere else."""
    environment = for_runs(
        DATABASE_URL=settings.url,
        PGTIDE_MIGRATIONS=str(settings.migrations_dir),
        PGTIDE_HOME=str(settings.home),
        DO_NOT_TRACK="1",
        PREFECT_HOME=str(place.runner),
        PREFECT_API_URL=api_url,
        # Links lead to the pages that people see; without the version they lead to the old UI's.
        PREFECT_UI_URL=f"{api_url.removesuffix('/api')}/v2",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
    )
    # What an earlier one has left is no answer of this one's.
    place.served.unlink(missing_ok=True)
    with place.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            # A Ctrl-C on the terminal is for the service, which then stops what it has started.
            start_new_session=True,
        )


def await_runner(process: subprocess.Popen[bytes], place: Place) -> Served:
    """Wait until the deployments are there; raises Failed where the process ends instead."""
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        served = read_served(place.served)
        if served is not None and served.runner == process.pid:
            return served
        time.sleep(_POLL)
    raise Failed(
        "The process that runs the migrations did not start.",
        state="Nothing is served; data are as they were.",
        remedy=f"Its messages are in {place.log}.",
    )
