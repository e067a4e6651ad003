"""Which process is meant by a number, when numbers are used again."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_DEAD: Final = frozenset({"Z", "X"})


def started(pid: int) -> str | None:
    """Return when the process started, as an opaque text; None when it is gone or a zombie."""
    if sys.platform == "linux":
        return _started_by_proc(pid)
    return _started_by_ps(pid)


def members(group: int) -> list[int]:
    """Return the processes of a process group, without its zombies."""
    found = _members_by_proc() if sys.platform == "linux" else _members_by_ps()
    return [pid for pid, its_group in found if its_group == group]


def in_this_boot(since: str) -> bool:
    """Tell whether a process that started then can have left any: not over a boot of the system.

    Where the system does not name its boots, it may.
    """
    return sys.platform != "linux" or since.split()[:1] == [_boot()]


def _members_by_proc() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has just ended
        # State, parent, group.
        state, _, group = text.rpartition(")")[2].split()[:3]
        if state not in _DEAD:
            yield int(folder.name), int(group)


def _members_by_ps() -> Iterator[tuple[int, int]]:
    said = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid=,pgid=,state="], capture_output=True, text=True, check=False
    ).stdout
    for line in said.splitlines():
        pid, group, state = line.split()[:3]
        if state[0] not in _DEAD:
            yield int(pid), int(group)


def _started_by_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = _boot()
    except OSError:
        return None
    # The command's name is in parentheses and may hold anything; state is field 3, start field 22.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in _DEAD else f"{boot} {fields[19]}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _started_by_ps(pid: int) -> str | None:
    said = subprocess.run(
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return None if not said or said.startswith("Z") else said.partition(" ")[2].strip()
