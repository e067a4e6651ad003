"""A demo that is killed leaves nothing running: no server, no application, no command.

It was seen that `pgtide up`, started by a demo that somebody killed, went on for minutes.
"""

import signal
import subprocess
import time
from pathlib import Path

from pgtide.postgres.embedded.process import started
from tests.command import PGTIDE

PATIENCE = 120.0
COMMAND = "$ pgtide up 2.1.0 --until backup"


def test_nothing_goes_on_when_the_demo_is_killed_while_a_command_works(tmp_path: Path) -> None:
    playing = subprocess.Popen(
        [PGTIDE, "demo", "--rows", "3000"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with playing:
        assert playing.stdout
        said = []
        for line in playing.stdout:
            said.append(line)
            if COMMAND in line:
                break
        children = at_work(playing.pid)
        playing.send_signal(signal.SIGKILL)
    assert COMMAND in said[-1], "".join(said)
    named = " ".join(children.values())
    for what in ("owned_command.py", "server_process.py", "watcher.py", "demo.application", "-D"):
        assert what in named, children
    deadline = time.monotonic() + PATIENCE
    while left := [args for (pid, since), args in children.items() if started(pid) == since]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def at_work(ancestor: int) -> dict[tuple[int, str], str]:
    """Return what a process has started, down to the last, once a command is among it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = descendants(ancestor)
        if any("owned_command.py" in args for args in found.values()):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def descendants(ancestor: int) -> dict[tuple[int, str], str]:
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(maxsplit=2) for line in listed]
    family, size = {ancestor}, 0
    while len(family) > size:
        size = len(family)
        family |= {int(row[0]) for row in rows if int(row[1]) in family}
    return {
        (int(row[0]), since): row[2]
        for row in rows
        if int(row[0]) in family - {ancestor}
        if (since := started(int(row[0])))
    }
