"""Servers that are left running after the demo: which they are, and how they end."""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from pgtide.postgres.embedded import stop_persistent
from pgtide.postgres.embedded.process import started

# The same name as `pgtide postgres` uses, so that PGTIDE_HOME finds the server.
SERVER: Final = "postgres"
PREFECT: Final = "prefect"
_RECORD: Final = "kept.json"
_GONE_SECONDS: Final = 10.0
_POLL: Final = 0.1


def remember(place: Path, prefect_pid: int) -> None:
    """Write down which process the Prefect server is, so that it is not mistaken later."""
    record = {"pid": prefect_pid, "started": started(prefect_pid)}
    (place / _RECORD).write_text(json.dumps(record), encoding="utf-8")


def stop_kept(place: Path) -> None:
    """Stop the servers that an earlier demo left running in this folder; data stay."""
    with suppress(FileNotFoundError):
        record = json.loads((place / _RECORD).read_text(encoding="utf-8"))
        if record["started"] and started(record["pid"]) == record["started"]:
            _end(record["pid"], record["started"])
    if (place / SERVER).exists():
        stop_persistent(place / SERVER)


def _end(pid: int, since: str) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _GONE_SECONDS
    while started(pid) == since:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(_POLL)
