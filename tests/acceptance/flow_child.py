"""A process that runs the project's flow and is killed: by itself after so many batches, or by us.

    flow_child.py kill JOURNAL BATCHES    called as a command calls it, with a listener
    flow_child.py work                    called as a worker calls it, with nothing but environment

The journal gets a line for each batch that begins and each that is committed, at once.
"""

import os
import signal
import sys
from pathlib import Path

from flows.run import run_flow
from pgtide.events import BatchBegan, BatchCommitted, Event
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


def main(mode: str, *rest: str) -> None:
    if mode == "work":
        email().flow()
        return
    path, batches = rest
    settings = load()
    caller = Caller(actor="child", emit=Journal(Path(path), int(batches)))
    run_flow(email().flow, settings, caller)


if __name__ == "__main__":
    main(*sys.argv[1:])
