"""The commands of the demo: run as a person would run them, each in a process of its own."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from os import killpg
from pathlib import Path
from typing import Any, Final, Self

from demo.narrator import Narrator
from pgtide.errors import Failed

_PATIENCE: Final = 300.0
# A command checkpoints within a batch; more than this and something hangs.
_STOP_SECONDS: Final = 30.0


class Running:
    """A command at work; its lines are shown as they come."""

    def __init__(self, process: subprocess.Popen[str], narrator: Narrator) -> None:
        self.process = process
        self._narrator = narrator
        self._reader = threading.Thread(target=self._show, name="reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()

    @property
    def working(self) -> bool:
        """Tell whether it still runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End it with SIGKILL, as a crash or the kernel's memory killer would."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def wait(self) -> int:
        """Return its exit code; raises Failed where it never ends."""
        try:
            return self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(
                f"{self.process.args!r} did not end within {_PATIENCE:.0f} s.",
                state="It is being stopped.",
                remedy="See its lines above.",
            ) from None

    def _signal(self, number: int) -> None:
        # The whole group: whatever it has started goes with it.
        if self.process.poll() is None:
            killpg(self.process.pid, number)

    def _show(self) -> None:
        for line in self.process.stdout or ():
            if line.strip():
                self._narrator.output(line.rstrip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Run `pgtide` with one environment, and nothing of the caller's."""

    environment: Mapping[str, str]
    narrator: Narrator
    place: Path

    def run(self, *words: str, expected: int = 0) -> None:
        """Run a command to its end; raises Failed where it ends with another exit code."""
        with self.start(*words) as running:
            code = running.wait()
        if code != expected:
            raise self._unexpected(words, code, expected)

    def start(self, *words: str) -> Running:
        """Start a command and show what it says."""
        self.narrator.command(("pgtide", *words))
        process = subprocess.Popen(
            [_program(), *words],
            env=self.environment,
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C is for the demo, which then stops its commands in order.
            start_new_session=True,
        )
        return Running(process, self.narrator)

    def read(self, *words: str, expected: int = 0) -> Any:  # noqa: ANN401  # a JSON document
        """Run a command with --json and return its document."""
        self.narrator.command(("pgtide", *words, "--json"))
        said = subprocess.run(
            [_program(), *words, "--json"],
            env=self.environment,
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            start_new_session=True,
        )
        if said.returncode != expected:
            for line in (said.stdout + said.stderr).splitlines():
                self.narrator.output(line)
            raise self._unexpected((*words, "--json"), said.returncode, expected)
        return json.loads(said.stdout)

    @staticmethod
    def _unexpected(words: tuple[str, ...], code: int, expected: int) -> Failed:
        return Failed(
            f"`pgtide {' '.join(words)}` ended with exit code {code}, not {expected}.",
            state="The demo stops here and takes everything down.",
            remedy="See what it said above.",
        )


def _program() -> str:
    return str(Path(sys.executable).with_name("pgtide"))
