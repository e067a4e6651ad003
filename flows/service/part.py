"""A process of the service's, known by number and start, with all that it has started."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pgtide.postgres.embedded.process import in_this_boot, members, started

_POLL: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process; what it starts is in its group, if it is the first of one."""

    name: str
    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Tell whether the process is there: this one, not another with its number."""
        return started(self.pid) == self.started

    def end(self, patience: float, *, sleep: Callable[[float], object] = time.sleep) -> None:
        """Ask it to end, and make it after so many seconds, with all that it has started.

        What has lost it is not asked but killed: flow runs would report themselves as crashed, and
        nobody would begin them again. Their group keeps the number from being given to another.
        """
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)
        elif started(self.pid) is not None or not in_this_boot(self.started):
            return
        deadline = time.monotonic() + patience
        while left := self._left():
            if not self.alive or time.monotonic() > deadline:
                _kill(left)
            sleep(_POLL)

    def _left(self) -> set[int]:
        return {*members(self.pid), *([self.pid] if self.alive else [])}


def _kill(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def part(name: str, pid: int) -> Part:
    """Return the part that a process is."""
    return Part(name=name, pid=pid, started=started(pid) or "")
