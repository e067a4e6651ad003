"""A service as a person has it: `pgtide serve` in a folder of its own, on a port of its own."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.service.owner import stop
from flows.service.part import Part
from flows.service.place import Place
from flows.service.record import Record, read_record
from pgtide.postgres.embedded import stop_persistent
from pgtide.postgres.embedded.port import free_ports
from tests.command import Workplace
from tests.prefect_server import PrefectApi

# A start takes ten to twenty seconds, and several times that on a machine that is busy elsewhere.
PATIENCE = 200.0


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Where a service serves, and what the Prefect server of it says."""

    place: Workplace
    port: int

    @property
    def api(self) -> PrefectApi:
        return PrefectApi(f"http://127.0.0.1:{self.port}/api")

    @property
    def record(self) -> Record:
        found = read_record(self.home.record)
        assert found is not None
        return found

    @property
    def home(self) -> Place:
        return Place(self.place.folder / ".pgtide")

    def part(self, name: str) -> Part:
        return next(one for one in self.record.parts if one.name == name)

    def deployments(self) -> dict[str, Any]:
        """Return the deployments by the names that people see."""
        flows = {one["id"]: one["name"] for one in self.api.ask("POST", "/flows/filter", {})}
        found = self.api.ask("POST", "/deployments/filter", {})
        return {f"{flows[one['flow_id']]}/{one['name']}": one for one in found}

    def trigger(self, name: str, parameters: Mapping[str, object] | None = None) -> str:
        """Start a flow run as the UI does; return its id."""
        return self.api.trigger(self.deployments()[name]["id"], parameters)

    def ended(self, flow_run_id: str) -> Any:
        """Return a flow run once it is over."""
        return self.until(
            lambda: self.api.flow_run(flow_run_id),
            lambda one: one["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"},
        )

    def until(self, read: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not holds(value := read()):
            assert time.monotonic() < deadline, f"{value}\n{self.log()}"
            time.sleep(0.2)
        return value

    def log(self) -> str:
        path = self.home.log
        return path.read_text(encoding="utf-8")[-4000:] if path.exists() else "no log"


@contextmanager
def serving(folder: Path, url: str, **extra: str) -> Iterator[Serving]:
    """Prepare a folder for a service; end whatever a failing test has left."""
    port = next(free_ports())
    place = Workplace(folder=folder, url=url, extra={"PORT": str(port), **extra})
    one = Serving(place=place, port=port)
    try:
        yield one
    finally:
        stop(one.home)
        stop_persistent(one.home.postgres)


def kill(part: Part) -> None:
    assert part.alive
    os.kill(part.pid, signal.SIGKILL)


def told(stdout: Any) -> Any:
    """Read the one JSON document that a command prints while it goes on."""
    text = ""
    while line := stdout.readline():
        text += line
        try:
            return json.loads(text)
        except ValueError:
            continue
    raise AssertionError(f"no document: {text!r}")
