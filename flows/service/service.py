"""The service: a database for Prefect, its server, what runs flows; started, watched, stopped.

Its parts end with its process, whatever ends that. A part that dies by itself is started again.
"""

import subprocess
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final, NoReturn, Self

from flows.loader import refuse_folder
from flows.service.part import Part, part
from flows.service.place import Place
from flows.service.prefect_server import await_server, refuse_port, start_server
from flows.service.record import Record, Served, read_served, write
from flows.service.runner import DRAIN_SECONDS, await_runner, start_runner
from flows.service.storage import Storage
from pgtide.errors import Failed
from pgtide.postgres.embedded.port import LOOPBACK
from pgtide.settings import Settings

_LOOK_SECONDS: Final = 0.5
SERVER_SECONDS: Final = 10.0
RUNNER_SECONDS: Final = DRAIN_SECONDS + 10
# A part that dies so often within so many seconds will not live.
_DEATHS: Final = 3
_SPAN: Final = 300.0
_SERVER: Final = "Prefect server"
_RUNNER: Final = "runner"


def refuse_early(settings: Settings) -> None:
    """Raise Refused where it is plain, before anything is started, that nothing can be served."""
    refuse_folder(settings.migrations_dir)
    refuse_port(settings.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A part, and the process as its parent has it."""

    part: Part
    process: subprocess.Popen[bytes]


class Service:
    """Run the parts for as long as the block does; raises Refused or Failed where one cannot be."""

    def __init__(self, place: Place, storage: Storage, record: Record, settings: Settings) -> None:
        self._place = place
        self._storage = storage
        self._record = record
        self._settings = replace(settings, database_url=storage.target)
        self._parts: dict[str, Started] = {}
        self._deaths: deque[float] = deque(maxlen=_DEATHS)
        self._offered = Served(runner=0, seen="", migrations=(), errors=())

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.close)
            # Both at once: each takes some seconds to load what it needs.
            server, runner = self._start_server(), self._start_runner()
            await_server(server, self._place, self._settings.port)
            self._offered = await_runner(runner, self._place)
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def served(self) -> Served:
        """Return what is on offer now."""
        return read_served(self._place.served) or self._offered

    def watch(self, tell: Callable[[str], None]) -> NoReturn:
        """Look after the parts until interrupted; raises Failed where one will not live."""
        while True:
            time.sleep(_LOOK_SECONDS)
            for name in (_SERVER, _RUNNER):
                if not self._parts[name].part.alive:
                    self._revive(name, tell)
            now = self.served
            if now.seen != self._offered.seen:
                tell(f"The migration files have changed; served are {len(now.migrations)}.")
                for error in now.errors:
                    tell(error)
            self._offered = now

    def close(self) -> None:
        """End the parts, flow runs at their next checkpoint."""
        for name, patience in ((_RUNNER, RUNNER_SECONDS), (_SERVER, SERVER_SECONDS)):
            if name in self._parts:
                _end(self._parts[name], patience)
                del self._parts[name]
        self._note()

    def _revive(self, name: str, tell: Callable[[str], None]) -> None:
        now = time.monotonic()
        if len(self._deaths) == _DEATHS and now - self._deaths[0] < _SPAN:
            raise Failed(
                f"The {name} ends again and again.",
                state="All of the service is stopped; data are as they were.",
                remedy=f"Its messages are in {self._place.folder}.",
            )
        self._deaths.append(now)
        tell(f"The {name} has ended by itself; it is started again.")
        # With what a dead runner has left at work: the next one begins it again.
        _end(self._parts[name], RUNNER_SECONDS)
        if name == _SERVER:
            await_server(self._start_server(), self._place, self._settings.port)
        else:
            self._offered = await_runner(self._start_runner(), self._place)

    def _start_server(self) -> subprocess.Popen[bytes]:
        port = self._settings.port
        refuse_port(port)
        process = start_server(self._place, port, self._storage.prefect)
        self._keep(_SERVER, process)
        return process

    def _start_runner(self) -> subprocess.Popen[bytes]:
        api_url = f"http://{LOOPBACK}:{self._settings.port}/api"
        process = start_runner(self._place, self._settings, api_url)
        self._keep(_RUNNER, process)
        return process

    def _keep(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self._parts[name] = Started(part=part(name, process.pid), process=process)
        self._note()

    def _note(self) -> None:
        parts = tuple(one.part for one in self._parts.values())
        self._record = replace(self._record, parts=parts)
        write(self._place.record, self._record)


def _end(one: Started, patience: float) -> None:
    one.part.end(patience)
    one.process.wait()
    if one.process.stdin is not None:
        one.process.stdin.close()
