"""The commands of the demo: run as a person would run them, each in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from demo.narrator import Narrator
from demo.roll import Roll
from pgtide.errors import Failed

_PATIENCE: Final = 300.0
_OWNED: Final = Path(__file__).with_name("owned_command.py")
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
        if self.process.stdin:
            self.process.stdin.close()

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
            os.killpg(self.process.pid, number)

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
    roll: Roll

    def run(self, *words: str, expected: int = 0) -> None:
        """Run a command to its end; raises Failed where it ends with another exit code."""
        with self.start(*words) as running:
            code = running.wait()
        if code != expected:
            raise self._unexpected(words, code, expected)

    def start(self, *words: str) -> Running:
        """Start a command and show what it says."""
        self.narrator.command(("pgtide", *words))
        process = self._spawn(words, stdin=subprocess.PIPE, stderr=subprocess.STDOUT)
        return Running(process, self.narrator)

    def read(self, *words: str, expected: int = 0) -> Any:  # noqa: ANN401  # a JSON document
        """Run a command with --json and return its document."""
        self.narrator.command(("pgtide", *words, "--json"))
        with (
            _held() as held,
            self._spawn((*words, "--json"), stdin=held, stderr=subprocess.PIPE) as process,
        ):
            try:
                stdout, stderr = process.communicate(timeout=_PATIENCE)
            except BaseException:
                process.kill()
                raise
        if process.returncode != expected:
            for line in (stdout + stderr).splitlines():
                self.narrator.output(line)
            raise self._unexpected((*words, "--json"), process.returncode, expected)
        return json.loads(stdout)

    def _spawn(self, words: tuple[str, ...], *, stdin: int, stderr: int) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            # -P: the folder of the program is no place to import from.
            [sys.executable, "-P", _OWNED, Path(sys.executable).with_name("pgtide"), *words],
            env=self.environment,
            cwd=self.place,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            # Ctrl-C is for the demo, which then stops its commands in order.
            start_new_session=True,
        )
        self.roll.note(f"pgtide {' '.join(words)}", process.pid)
        return process

    @staticmethod
    def _unexpected(words: tuple[str, ...], code: int, expected: int) -> Failed:
        return Failed(
            f"`pgtide {' '.join(words)}` ended with exit code {code}, not {expected}.",
            state="The demo stops here and takes everything down.",
            remedy="See what it said above.",
        )


@contextmanager
def _held() -> Iterator[int]:
    """Yield a pipe that ends with the block, or with this process."""
    near, far = os.pipe()
    try:
        yield near
    finally:
        os.close(near)
        os.close(far)
