"""Flow runs of deployments, as a person starts them in the UI, worked in this process.

As the child of a runner works them, but for the seconds that a process takes to start.
"""

import contextvars
import importlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.deployments import Deployment, deployments
from flows.loader import Loaded
from flows.service.registering import for_runner
from tests.prefect_server import PATIENCE, PrefectApi


@dataclass
class Working:
    """A flow run at work; `left` is what its process would have ended with."""

    id: str
    thread: threading.Thread
    left: list[BaseException] = field(default_factory=list)

    def done(self) -> None:
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What is deployed on the session's server, by the names that people see."""

    api: PrefectApi
    ids: Mapping[str, UUID]
    flows: Mapping[str, Flow[..., Any]]

    def trigger(self, name: str, parameters: Mapping[str, object] | None = None) -> str:
        """Start a flow run as the UI does; return its id."""
        return self.api.trigger(self.ids[name], parameters)

    def begin(self, flow_run_id: str) -> Working:
        """Take a flow run up, as a runner does."""
        working = Working(id=flow_run_id, thread=threading.Thread())
        context = contextvars.copy_context()
        working.thread = threading.Thread(
            target=context.run, args=(self._work, working), daemon=True
        )
        working.thread.start()
        return working

    def work(self, flow_run_id: str) -> Any:
        """Take a flow run up and wait until its process would end; return its state."""
        self.begin(flow_run_id).done()
        return self.state(flow_run_id)

    def run(self, name: str, parameters: Mapping[str, object] | None = None) -> Any:
        """Start a flow run and wait for its end; return its state."""
        return self.work(self.trigger(name, parameters))

    def state(self, flow_run_id: str) -> Any:
        return self.api.flow_run(flow_run_id)["state"]

    def runs(self, name: str | None = None) -> list[Any]:
        """Return the flow runs of a deployment, or of all."""
        ids = [str(self.ids[name])] if name else [str(one) for one in self.ids.values()]
        where = {"deployments": {"id": {"any_": ids}}}
        found: list[Any] = self.api.ask("POST", "/flow_runs/filter", where)
        return found

    def suspend(self, flow_run_id: str) -> datetime:
        """Press Pause, as the UI does; return when."""
        until = datetime.now(UTC) + timedelta(minutes=5)
        details = {"pause_timeout": until.isoformat(), "pause_reschedule": True}
        return self.put(
            flow_run_id,
            {"type": "PAUSED", "name": "Suspended", "state_details": details},
            force=False,
        )

    def cancel(self, flow_run_id: str) -> datetime:
        """Press Cancel, as the UI does; return when."""
        return self.put(flow_run_id, {"type": "CANCELLING", "name": "Cancelling"}, force=False)

    def forget(self, flow_run_id: str) -> None:
        """Delete a flow run."""
        self.api.ask("DELETE", f"/flow_runs/{flow_run_id}", None)

    def resume(self, flow_run_id: str, answer: Mapping[str, object] | None = None) -> Any:
        """Press Resume, with what the form has; return what the server makes of it."""
        body = {"run_input": answer} if answer is not None else {}
        return self.api.ask("POST", f"/flow_runs/{flow_run_id}/resume", body)

    def put(self, flow_run_id: str, state: Mapping[str, object], *, force: bool = True) -> datetime:
        """Give a flow run a state, whatever the server's rules say of it; return when."""
        body = {"state": state, "force": force}
        found = self.api.ask("POST", f"/flow_runs/{flow_run_id}/set_state", body)
        assert found["status"] == "ACCEPT", found
        return datetime.now(UTC)

    def _work(self, working: Working) -> None:
        # Prefect's own heartbeat costs each flow a second.
        here = {PREFECT_API_URL: self.api.url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        with temporary_settings(here):
            with get_client(sync_client=True) as client:
                one = client.read_flow_run(UUID(working.id))
            name = next(name for name, found in self.ids.items() if found == one.deployment_id)
            try:
                run_flow(self.flows[name], flow_run=one, return_type="state")
            except BaseException as error:  # noqa: BLE001  # whatever it is, the process would end
                working.left.append(error)


@contextmanager
def deployed(
    api: PrefectApi, wanted: Sequence[tuple[Deployment, Flow[..., Any]]], url: str
) -> Iterator[Deployed]:
    """Deploy flows, for processes that know a database from their environment."""
    with pytest.MonkeyPatch.context() as patch, temporary_settings({PREFECT_API_URL: api.url}):
        patch.setenv("DATABASE_URL", url)
        patch.setenv("PGTIDE_BACKUP_FIRST", "0")
        # Batches of a block or two.
        patch.setenv("PGTIDE_BATCH_MS", "1")
        ids = {one.full_name: _registered(api.url, one) for one, _ in wanted}
        flows = {one.full_name: found for one, found in wanted}
        one = Deployed(api=api, ids=ids, flows=flows)
        yield one
        # The next test finds the deployments as new ones.
        for run in one.runs():
            one.forget(run["id"])


# Half a second each; a deployment of a name is the same for every test.
_REGISTERED: Final[dict[tuple[str, str], UUID]] = {}


def _registered(url: str, one: Deployment) -> UUID:
    place = (url, one.full_name)
    if place not in _REGISTERED:
        with get_client(sync_client=True) as client:
            _REGISTERED[place] = cast("UUID", for_runner(client, one).apply())
    return _REGISTERED[place]


def withdraw(api: PrefectApi, deployment_id: str) -> None:
    """Delete a deployment: the next test that wants one of its name deploys it anew."""
    api.ask("DELETE", f"/deployments/{deployment_id}", None)
    for place, known in list(_REGISTERED.items()):
        if str(known) == deployment_id:
            del _REGISTERED[place]


def everything(loaded: Loaded) -> list[tuple[Deployment, Flow[..., Any]]]:
    """Return all deployments of a migration with their flows."""
    return [(one, _flow(one, loaded)) for one in deployments([loaded])]


def _flow(one: Deployment, loaded: Loaded) -> Flow[..., Any]:
    if one.entrypoint.endswith(":flow"):
        return loaded.flow
    module, _, name = one.entrypoint.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, Flow)
    return found


def until(read: Callable[[], Any], holds: Callable[[Any], bool] = bool) -> Any:
    """Return what is read once a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds(value := read()):
        assert time.monotonic() < deadline, value
        time.sleep(0.05)
    return value
