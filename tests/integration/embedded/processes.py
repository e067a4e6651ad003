"""What the tests of the embedded server ask of processes and of the system."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg
import pytest

from pgtide.postgres.embedded import (
    ServerOptions,
)
from pgtide.postgres.embedded.process import started

ROOT = Path(__file__).parents[3]
NO_FSYNC = ServerOptions(settings={"fsync": "off"})
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server to a user")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# An owner in a process of its own: says where its server is, then does what the test wants.
OWNER = """
import os, signal, sys, time
from pathlib import Path
from pgtide.postgres.embedded import ServerOptions, temporary_server
# A shell starts what it runs in the background deaf to Ctrl-C, nohup to the terminal's end, and
# children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with temporary_server(ServerOptions(settings={{"fsync": "off"}}), directory=Path(sys.argv[1])) as s:
    print(s.pid, s.data_dir, s.url, flush=True)
    {then}
"""


def one(url: str, sql: str) -> str:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        row = connection.execute(sql.encode()).fetchone()
    return str(row[0]) if row else ""


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


@contextmanager
def python(
    code: str, *arguments: object, launch: tuple[str, ...] = (sys.executable,)
) -> Iterator[tuple["subprocess.Popen[str]", IO[str]]]:
    with subprocess.Popen(
        [*launch, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        assert process.stdout
        try:
            yield process, process.stdout
        finally:
            process.kill()


def shared_memory(pid: int) -> set[str]:
    """Name the shared memory that a process uses: System V segments and POSIX files."""
    mapped = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return {line.split(maxsplit=5)[-1] for line in mapped if re.search("/SYSV|/dev/shm/", line)}


def left_of(memory: set[str]) -> set[str]:
    keys = {
        int(line.split()[0]) & 0xFFFFFFFF
        for line in Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
    }
    return {
        name
        for name in (each.removesuffix(" (deleted)") for each in memory)
        if Path(name).exists() or ("/SYSV" in name and int(name[-8:], 16) in keys)
    }


def assert_nothing_is_left(pid: int, data_dir: Path, memory: set[str]) -> None:
    wait_until(lambda: started(pid) is None, "the server is gone")
    wait_until(lambda: not data_dir.parent.exists(), "its directory is gone")
    if memory:
        assert left_of(memory) == set()


def said(says: IO[str]) -> tuple[int, Path]:
    pid, data, url = says.readline().split()
    assert one(url, "SELECT 1") == "1"
    return int(pid), Path(data)


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[1])
