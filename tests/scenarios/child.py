"""Start a killed process, follow what it says, and collect what became of it."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.scenarios.killed import Order

_ROOT = Path(__file__).resolve().parents[2]
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


class Child:
    """A running process, heard line by line."""

    def __init__(self, order: Order) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.scenarios.killed"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._labels: list[str] = []
        self._said: dict[str, str] = {}
        self._complaints: list[str] = []
        self._news = threading.Condition()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._hear, self._hear_errors)
        ]
        for thread in self._threads:
            thread.start()
        assert self.process.stdin is not None
        with self.process.stdin as stdin:
            stdin.write(order.to_json())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.finish()

    @property
    def pid(self) -> int:
        return self.process.pid

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
        self.process.send_signal(number)

    def wait_until_stopped(self) -> None:
        """Wait until the process has stopped itself with SIGSTOP, all its threads."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            command = ["ps", "-o", "stat=", "-p", str(self.pid)]
            if subprocess.run(
                command, check=False, capture_output=True, text=True
            ).stdout.startswith("T"):
                return
            assert self.process.poll() is None, f"it ended: {self.finish()}"
            time.sleep(0.02)
        raise AssertionError("it did not stop itself")

    def finish(self) -> Ended:
        """Wait for the end of the process."""
        try:
            code = self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            code = self.process.wait()
            self._complaints.append("it did not end by itself")
        for thread in self._threads:
            thread.join()
        return Ended(
            code=code,
            labels=tuple(self._labels),
            error=self._said.get("error", ""),
            message=self._said.get("message", "") + "".join(self._complaints[-12:]),
        )

    def _hear(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                with self._news:
                    if line.startswith("{"):
                        self._said = json.loads(line)
                    else:
                        self._labels.append(line.strip())
                    self._news.notify_all()

    def _hear_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
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
