"""The server without an owner: it goes on until it is stopped, and a killed start does no harm."""

import os
import shutil
import signal
from pathlib import Path

import psycopg
import pytest

from pgtide.errors import Refused
from pgtide.postgres.embedded import (
    Server,
    persistent_url,
    start_persistent,
    stop_persistent,
)
from pgtide.postgres.embedded.process import started
from tests.integration.embedded.processes import as_root, one, python, wait_until


def test_a_persistent_server_outlives_the_process_that_started_it(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pgtide.postgres.embedded import *\n"
        "print(start_persistent(Path(sys.argv[1])).url)"
    )
    assert persistent_url(home) is None
    with python(code, home) as (owner, says):
        url = says.readline().strip()
        assert owner.wait(30) == 0
    assert one(url, "SELECT 1") == "1"
    assert persistent_url(home) == url
    again = start_persistent(home)
    assert again.url == url


def test_a_persistent_server_keeps_data_and_port_and_stops_once(home: Path) -> None:
    server = start_persistent(home)
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    assert (home / "password").stat().st_mode & 0o777 == 0o600
    assert stop_persistent(home) is True
    assert started(server.pid) is None
    assert persistent_url(home) is None
    assert stop_persistent(home) is False
    again = start_persistent(home)
    assert again.url == server.url
    assert one(again.url, "SELECT n FROM kept") == "1"


def test_a_persistent_server_recovers_from_sigkill(home: Path) -> None:
    server = start_persistent(home)
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: started(server.pid) is None, "the server is gone")
    assert persistent_url(home) is None
    restart(start_persistent(home))


def restart(server: Server) -> None:
    server.stop("immediate")
    with pytest.raises(psycopg.OperationalError):
        one(server.url, "SELECT 1")
    server.start()
    assert one(server.url, "SELECT 1") == "1"


def test_two_processes_that_start_the_same_server_get_the_same_one(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pgtide.postgres.embedded import *\n"
        "print(start_persistent(Path(sys.argv[1])).pid)"
    )
    with python(code, home) as (_, first), python(code, home) as (_, second):
        assert first.readline() == second.readline() != ""


def test_a_first_start_that_was_killed_is_done_again(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pgtide.postgres.embedded import *\n"
        "start_persistent(Path(sys.argv[1]))"
    )
    with python(code, home) as (owner, _):
        wait_until(lambda: any(home.glob("data.new/*")), "initdb is at work")
        owner.kill()
        owner.wait()
    server = start_persistent(home)
    assert one(server.url, "SELECT 1") == "1"
    assert not (home / "data.new").exists()


def test_data_of_another_version_are_refused_untouched(home: Path) -> None:
    server = start_persistent(home)
    stop_persistent(home)
    (server.data_dir / "PG_VERSION").write_text("12\n", encoding="ascii")
    with pytest.raises(Refused, match="are of PostgreSQL 12"):
        start_persistent(home)


@as_root
def test_a_home_closed_to_the_servers_user_names_where_its_data_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    home = tmp_path / "postgres"
    server = start_persistent(home)
    place = Path((home / "location").read_text(encoding="utf-8").strip())
    try:
        assert server.data_dir == place / "data"
        assert persistent_url(home) == server.url
        assert one(server.url, "SELECT 1") == "1"
        assert stop_persistent(home) is True
    finally:
        stop_persistent(home)
        shutil.rmtree(place)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
