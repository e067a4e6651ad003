"""Which process is meant by a number, when numbers are used again."""

import subprocess
import sys
from pathlib import Path


def started(pid: int) -> str | None:
    """Return when the process started, as an opaque text; None when it is gone or a zombie."""
    if sys.platform == "linux":
        return _started_by_proc(pid)
    return _started_by_ps(pid)


def _started_by_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The command's name is in parentheses and may hold anything; state is field 3, start field 22.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else f"{boot} {fields[19]}"


def _started_by_ps(pid: int) -> str | None:
    said = subprocess.run(
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return None if not said or said.startswith("Z") else said.partition(" ")[2].strip()
