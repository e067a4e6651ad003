"""A Prefect server on this machine, for as long as somebody needs it.

For the demo, for tests, and for a person who has none: its own folder, SQLite, a free port on
loopback, nothing told to anybody, and no services but those that record runs.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flows.server_tables import DATABASE, keep, kept, lay_down
from pgtide.errors import Failed
from pgtide.postgres.embedded.port import free_ports

_PROGRAM: Final = Path(__file__).with_name("server_process.py")
# It takes five to ten seconds; on a machine that is busy elsewhere it has been seen to take 100.
_PATIENCE: Final = 240.0
_POLL: Final = 0.1
_LOOPBACK: Final = "127.0.0.1"
# Another process may be faster at a port that was free a moment ago.
_TRIES: Final = 3
LOG: Final = "server.log"

# What any server of ours is told: it phones nobody, and records in batches. Without those it needs
# 25 ms of a core for each task run, with them 5. Those that come one by one, as a backfill's groups
# do, cost 22 where they are written down every second, and 13 every other.
QUIET: Final = MappingProxyType(
    {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "2",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "50",
    }
)
_RECORDS_ONLY: Final = MappingProxyType(
    {
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """A running server: where clients reach it, where people look, which process it is."""

    api_url: str
    ui_url: str
    pid: int


@contextmanager
def local_server(directory: Path) -> Iterator[LocalServer]:
    """Run a server with its files in a directory until the block ends.

    It ends with this process too, whatever signal that dies of. Raises Failed.
    """
    process, server = _started(directory, owned=True)
    try:
        yield server
    finally:
        end(process)


def start_local_server(directory: Path) -> LocalServer:
    """Start a server that goes on without us, until its process is ended with SIGTERM."""
    return _started(directory, owned=False)[1]


def _started(directory: Path, *, owned: bool) -> tuple[subprocess.Popen[bytes], LocalServer]:
    directory.mkdir(parents=True, exist_ok=True)
    tables = kept()
    first = not (directory / DATABASE).exists() and not lay_down(directory, tables)
    for port in islice(free_ports(), _TRIES):
        process = spawn(directory, port, owned=owned)
        try:
            healthy = answers(process, port)
        except BaseException:
            end(process)
            raise
        if healthy:
            if first:
                # Before anybody knows of it.
                keep(directory, tables)
            url = f"http://{_LOOPBACK}:{port}"
            return process, LocalServer(api_url=f"{url}/api", ui_url=url, pid=process.pid)
        end(process)
    raise Failed(
        "A Prefect server did not start.",
        state="Nothing was changed.",
        remedy=f"Its messages are in {directory / LOG}.",
    )


def spawn(
    directory: Path, port: int, *, owned: bool, settings: Mapping[str, str] = _RECORDS_ONLY
) -> subprocess.Popen[bytes]:
    """Start the server's process, which does not answer yet; an owned one ends with ours."""
    with (directory / LOG).open("ab") as log:
        return subprocess.Popen(
            # -P: the folder of the program is no place to import from.
            [sys.executable, "-P", _PROGRAM, str(port), "owned" if owned else "free"],
            stdin=subprocess.PIPE if owned else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={
                **_environment(directory),
                **settings,
                "PREFECT_API_URL": f"http://{_LOOPBACK}:{port}/api",
            },
            # A Ctrl-C on the terminal is for the owner, who then ends the server.
            start_new_session=True,
        )


def _environment(directory: Path) -> dict[str, str]:
    """Return all that the server is told: nothing of the caller's, neither secrets nor profile."""
    home = str(directory.resolve())
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": home,
        "PREFECT_HOME": home,
        **QUIET,
    }


def answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server is healthy; False where it ends instead."""
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, HTTPException), closing(_connection(port)) as connection:
            connection.request("GET", "/api/health")
            if connection.getresponse().status == HTTPStatus.OK:
                return True
        time.sleep(_POLL)
    return False


def _connection(port: int) -> HTTPConnection:
    return HTTPConnection(_LOOPBACK, port, timeout=5)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a server, and wait until it is gone."""
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
