"""Start a killed process, follow what it says, and collect what became of it."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Self

import psutil

from tests.forking import FORKING, ONE_AT_A_TIME
from tests.scenarios import killed
from tests.scenarios.killed import Order

_PATIENCE = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended: its exit code (-9 for SIGKILL), its events, its error if it had one."""

    code: int
    labels: tuple[str, ...]
    error: str
    message: str

    def __str__(self) -> str:
        return f"exit {self.code} after {self.labels[-1:]}: {self.error} {self.message}"


def _obey(order: str, stdout: Connection, stderr: Connection) -> None:
    """Carry out an order, in the new process."""
    for number, pipe in ((1, stdout), (2, stderr)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    raise SystemExit(killed.main(order))


class Child:
    """A running process, heard line by line."""

    def __init__(self, order: Order) -> None:
        stdout, says = FORKING.Pipe(duplex=False)
        stderr, complains = FORKING.Pipe(duplex=False)
        self._process = FORKING.Process(target=_obey, args=(order.to_json(), says, complains))
        with ONE_AT_A_TIME:
            self._process.start()
        says.close()
        complains.close()
        self._labels: list[str] = []
        self._said: dict[str, str] = {}
        self._complaints: list[str] = []
        self._news = threading.Condition()
        self._threads = [
            threading.Thread(target=self._hear, args=(stdout,), daemon=True),
            threading.Thread(target=self._hear_errors, args=(stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.finish()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def runs(self, patience: float = 0.0) -> bool:
        """Tell whether the process still runs after so many seconds."""
        return not wait([self._process.sentinel], patience)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def heard(self, label: str) -> int:
        return self._labels.count(label)

    def wait_for(self, label: str, nth: int = 1) -> None:
        """Wait until the process has said an event for the n-th time."""
        with self._news:
            came = self._news.wait_for(
                lambda: self.heard(label) >= nth or not self._threads[0].is_alive(), _PATIENCE
            )
        assert came, f"{label} did not come"
        assert self.heard(label) >= nth, f"no {nth} times {label}: {self.finish()}"

    def signal(self, number: int) -> None:
        # It may end, and be waited for by the process that forked it, at any moment.
        with suppress(ProcessLookupError):
            if self.runs():
                os.kill(self.pid, number)

    def wait_until_stopped(self) -> None:
        """Wait until the process has stopped itself with SIGSTOP, all its threads."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with suppress(psutil.NoSuchProcess):
                if psutil.Process(self.pid).status() == psutil.STATUS_STOPPED:
                    return
            assert self.runs(), f"it ended: {self.finish()}"
            time.sleep(0.005)
        raise AssertionError("it did not stop itself")

    def finish(self) -> Ended:
        """Wait for the end of the process."""
        if self.runs(_PATIENCE):
            self.kill()
            self._complaints.append("it did not end by itself")
        with ONE_AT_A_TIME:
            self._process.join()
        for thread in self._threads:
            thread.join()
        code = self._process.exitcode
        assert code is not None
        return Ended(
            code=code,
            labels=tuple(self._labels),
            error=self._said.get("error", ""),
            message=self._said.get("message", "") + "".join(self._complaints[-12:]),
        )

    def _hear(self, pipe: Connection) -> None:
        with os.fdopen(os.dup(pipe.fileno()), encoding="utf-8") as stdout, pipe:
            for line in stdout:
                with self._news:
                    if line.startswith("{"):
                        self._said = json.loads(line)
                    else:
                        self._labels.append(line.strip())
                    self._news.notify_all()

    def _hear_errors(self, pipe: Connection) -> None:
        with os.fdopen(os.dup(pipe.fileno()), encoding="utf-8") as stderr, pipe:
            self._complaints.extend(stderr)


@contextmanager
def started(order: Order) -> Iterator[Child]:
    """Run a process beside the block; kill it at the block's end, if it still runs."""
    with Child(order) as child:
        yield child


def carried_out(order: Order) -> Ended:
    """Run a process to its end."""
    with Child(order) as child:
        return child.finish()
