"""A command that ends with the demo: it works as if it had been typed, and dies with its owner.

Run as a script, on its own path, by `demo.commands`. The owner holds the other end of standard
input: whatever ends the owner, SIGKILL included, closes it.
"""

import os
import runpy
import signal
import sys
import threading


def main(program: str, *words: str) -> None:
    """Run an installed command in this process."""
    threading.Thread(target=_end_with_owner, name="owner watch", daemon=True).start()
    sys.argv = [program, *words]
    runpy.run_path(program, run_name="__main__")


def _end_with_owner() -> None:
    while os.read(0, 4096):
        pass
    # With whatever it has started: the group is the command's own.
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
