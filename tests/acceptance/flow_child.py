"""A process that runs the project's flow and is killed: by itself after so many batches, or by us.

    flow_child.py kill JOURNAL BATCHES    called as a command calls it, with a listener
    flow_child.py boundary KIND PHASE     the same, killed where a phase `began` or `ended`
    flow_child.py work                    called as a worker calls it, with nothing but environment

The journal gets a line for each batch that begins and each that is committed, at once.
"""

import os
import signal
import sys
from pathlib import Path

from flows.run import run_flow
from pgtide.events import BatchBegan, BatchCommitted, Event, PhaseBegan, PhaseEnded
from pgtide.ledger.run import Caller
from pgtide.settings import load
from tests.acceptance.flow_records import email, place


class Journal:
    """Write batches down, and end the process at one of them."""

    def __init__(self, path: Path, batches: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._left = batches

    def __call__(self, event: Event) -> None:
        match event:
            case BatchBegan():
                os.write(self._file, f"began {place(event)}\n".encode())
            case BatchCommitted():
                os.write(self._file, f"committed {place(event)}\n".encode())
                self._left -= 1
                if self._left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)


class Boundary:
    """End the process where a phase begins or ends."""

    def __init__(self, kind: str, phase: str) -> None:
        self._kind = {"began": PhaseBegan, "ended": PhaseEnded}[kind]
        self._phase = phase

    def __call__(self, event: Event) -> None:
        if (
            isinstance(event, PhaseBegan | PhaseEnded)
            and isinstance(event, self._kind)
            and event.phase == self._phase
        ):
            os.kill(os.getpid(), signal.SIGKILL)


def main(mode: str, *rest: str) -> None:
    if mode == "work":
        email().flow()
        return
    first, second = rest
    emit = Boundary(first, second) if mode == "boundary" else Journal(Path(first), int(second))
    run_flow(email().flow, load(), Caller(actor="child", emit=emit))


if __name__ == "__main__":
    main(*sys.argv[1:])
