"""The tests' Prefect server: one for the whole session, started by the first test that needs it."""

import atexit
import functools
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from flows.local_server import local_server
from pgtide.settings import Settings
from tests.driving import settings_for
from tests.memory import memory

# Task runs travel as events, which the server records in its own time.
PATIENCE = 90.0


@functools.cache
def prefect_api_url() -> str:
    """Return the address of the session's server; it ends with the process."""
    stack = ExitStack()
    atexit.register(stack.close)
    made = TemporaryDirectory(prefix="pgtide-prefect-server-", dir=memory())
    return stack.enter_context(local_server(Path(stack.enter_context(made)))).api_url


@pytest.fixture(scope="session")
def prefect_api() -> "PrefectApi":
    """The session's server; import the fixture where it is needed, the server stays one."""
    return PrefectApi(prefect_api_url())


class PrefectApi:
    """Ask a Prefect server what it knows."""

    def __init__(self, url: str) -> None:
        self.url = url

    def settings(self, database_url: str) -> Settings:
        """Return settings for a database of the tests' and this server."""
        return replace(settings_for(database_url), prefect_api_url=self.url)

    def trigger(self, deployment_id: object, parameters: Mapping[str, object] | None = None) -> str:
        """Start a flow run of a deployment as the UI does; return its id."""
        given = {} if parameters is None else {"parameters": parameters}
        path = f"/deployments/{deployment_id}/create_flow_run"
        return str(self.ask("POST", path, {"parameters": given})["id"])

    def flow_run(self, flow_run_id: str) -> Any:
        return self.ask("GET", f"/flow_runs/{flow_run_id}", None)

    def task_runs(self, flow_run_id: str) -> Any:
        return self._of("task_runs", flow_run_id)

    def artifacts(self, flow_run_id: str) -> Any:
        return self._of("artifacts", flow_run_id)

    def logs(self, flow_run_id: str) -> list[str]:
        found = self.ask("POST", "/logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run_id]}}})
        return [entry["message"] for entry in found]

    def scheduled(self, deployment_id: UUID, begins: datetime, ends: datetime) -> list[datetime]:
        """Return when the server would start runs of a deployment, in order."""
        between = {"start_time": begins.isoformat(), "end_time": ends.isoformat()}
        self.ask("POST", f"/deployments/{deployment_id}/schedule", between)
        found = self.ask(
            "POST", "/flow_runs/filter", {"deployments": {"id": {"any_": [str(deployment_id)]}}}
        )
        times = {datetime.fromisoformat(one["expected_start_time"]) for one in found}
        return sorted(one for one in times if begins <= one <= ends)

    def _of(self, kind: str, flow_run_id: str) -> Any:
        return self.ask("POST", f"/{kind}/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})

    def ask(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            status, text = self._asked(method, path, body)
            # SQLite was locked for too long, and nothing was done: Prefect's own clients ask again.
            if status != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        assert status < 300, text
        return json.loads(text) if text else None

    def _asked(self, method: str, path: str, body: Mapping[str, object] | None) -> tuple[int, str]:
        address = urlsplit(self.url)
        connection = HTTPConnection(address.netloc, timeout=120)
        try:
            connection.request(
                method,
                address.path + path,
                json.dumps(body) if body is not None else None,
                {"Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def soon(read: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Read until a condition holds, or until patience ends; return what was read last."""
    deadline = time.monotonic() + PATIENCE
    while not holds(value := read()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return value
