"""A pgbouncer in front of a test's server, from the system's packages."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgtide.postgres.embedded.account import give, server_account
from pgtide.postgres.embedded.port import LOOPBACK, free_ports
from pgtide.postgres.embedded.trusted import temporary_parents

_STARTS_WITHIN = 10.0  # seconds


def pgbouncer() -> str:
    """Return the program, or skip the test and say so."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip("there is no pgbouncer on this machine: the pooler's refusal is NOT tested")
    return found


@contextmanager
def running_pooler(url: str, *, mode: str) -> Iterator[str]:
    """Run a pooler in a mode (transaction, session); yield its address of the same database."""
    program, account, port = pgbouncer(), server_account(), next(free_ports())
    with tempfile.TemporaryDirectory(dir=temporary_parents()[0]) as name:
        folder = Path(name)
        file = folder / "pgbouncer.ini"
        file.write_text(_configuration(url, mode=mode, port=port), encoding="utf-8")
        for path in (folder, file):
            give(path, account)
        who = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen([program, str(file)], stdout=log, stderr=log, **who) as process,  # type: ignore[call-overload]  # user and group are ints
        ):
            try:
                _wait_for(port, folder / "log")
                yield make_conninfo(url, port=port)
            finally:
                process.terminate()


def _configuration(url: str, *, mode: str, port: int) -> str:
    parts = conninfo_to_dict(url)
    target = " ".join(f"{key}={parts[key]}" for key in ("host", "port", "user", "password"))
    return (
        f"[databases]\n* = {target}\n[pgbouncer]\nlisten_addr = {LOOPBACK}\nlisten_port = {port}\n"
        f"unix_socket_dir =\nauth_type = any\npool_mode = {mode}\nserver_lifetime = 60\n"
    )


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.02)
    raise psycopg.OperationalError(f"pgbouncer did not start: {log.read_text(encoding='utf-8')}")
