"""The applications from outside: processes that are started, stopped and read."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from demo import journal
from demo.journal import Entry
from demo.releases import Release
from pgtide.errors import Failed

_STOP_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How hard one instance works: statements a second, over so many connections."""

    rate: float
    connections: int = 2


class Application:
    """A running instance of a release."""

    def __init__(self, process: subprocess.Popen[str], entries: Path, log: Path) -> None:
        self._process = process
        self._entries = entries
        self._log = log

    def __enter__(self) -> Self:
        if self._said() != "ready\n":
            self.stop()
            raise self._failed("did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return its process."""
        return self._process.pid

    @property
    def entries(self) -> list[Entry]:
        """Return what it has done until now."""
        return list(journal.read(self._entries))

    def require(self) -> None:
        """Raise Failed where the process is gone that should be at work."""
        if self._process.poll() is not None:
            raise self._failed(f"ended with status {self._process.returncode}")

    def stop(self) -> None:
        """Let it finish its statements and end; safe to call twice."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _said(self) -> str:
        return self._process.stdout.readline() if self._process.stdout else ""

    def _failed(self, what: str) -> Failed:
        lines = self._log.read_text(encoding="utf-8").strip().splitlines()
        return Failed(
            f"An application of the demo {what}: {lines[-1] if lines else 'it said nothing'}.",
            state="The demo's other processes are stopped.",
            remedy=f"See {self._log}.",
        )


@contextmanager
def application(
    release: Release,
    load: Load,
    *,
    name: str,
    place: Path,
    environment: Mapping[str, str],
    rows: int,
) -> Iterator[Application]:
    """Run an instance for as long as the block does, or until it is stopped.

    `environment` names the database. It ends by itself when this process dies: its input ends.
    """
    entries, log = place / f"{name}.jsonl", place / f"{name}.log"
    entries.touch()
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "demo.application", release.name, "--name", name),
                *("--journal", str(entries), "--rows", str(rows)),
                *("--rate", str(load.rate), "--connections", str(load.connections)),
            ],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # Ctrl-C is for the demo: it stops its applications in order.
            start_new_session=True,
        )
    with Application(process, entries, log) as running:
        yield running
