"""The embedded server as its users see it."""

import os
import signal
import socket
import sys
from itertools import chain
from pathlib import Path

import psycopg
import pytest

from pgtide.errors import Failed, Refused
from pgtide.postgres.embedded import (
    ServerOptions,
    temporary_server,
)
from pgtide.postgres.embedded import temporary as temporary_module
from pgtide.postgres.embedded.account import Account, can_use
from pgtide.postgres.embedded.port import free_ports
from pgtide.postgres.embedded.process import started
from tests.integration.embedded.processes import (
    NO_FSYNC,
    OWNER,
    ROOT,
    as_root,
    assert_nothing_is_left,
    one,
    python,
    said,
)


def test_a_temporary_server_serves_and_leaves_nothing() -> None:
    with temporary_server() as server:
        pid, data = server.pid, server.data_dir
        assert one(server.url, "SELECT current_user || ' ' || usesuper FROM pg_user") == (
            "postgres true"
        )
        assert one(server.url, "SHOW server_encoding") == "UTF8"
        assert one(server.url, "SELECT upper('ä')") == "Ä"
        assert one(server.url, "SHOW listen_addresses") == "127.0.0.1"
        assert one(server.url, "SHOW unix_socket_directories") == ""
    assert started(pid) is None
    assert not data.parent.exists()


def test_only_the_password_opens_the_server_and_nobody_else_can_read_it() -> None:
    with temporary_server(NO_FSYNC) as server:
        password = server.url.split(":")[2].partition("@")[0]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            one(server.url.replace(password, "wrong"), "SELECT 1")
        stored = "SELECT left(rolpassword, 13) FROM pg_authid WHERE rolname = 'postgres'"
        assert one(server.url, stored) == "SCRAM-SHA-256"
        assert password not in repr(server)
        if sys.platform == "linux":
            everybody = Path("/proc").glob("[0-9]*/cmdline")
            assert not [p for p in everybody if password.encode() in read(p)]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_several_servers_run_at_once_with_their_own_data_and_passwords() -> None:
    with temporary_server(NO_FSYNC) as first, temporary_server(NO_FSYNC) as second:
        with psycopg.connect(first.url) as connection:
            connection.execute("CREATE TABLE only_here ()")
        assert one(first.url, "SELECT to_regclass('only_here')") == "only_here"
        assert one(second.url, "SELECT to_regclass('only_here')") == "None"
        assert first.url.split("@")[0] != second.url.split("@")[0]


def test_settings_reach_the_server_also_with_quotes_and_spaces() -> None:
    settings = {"fsync": "off", "cluster_name": "it's a 'test'"}
    with temporary_server(ServerOptions(settings=settings)) as server:
        assert one(server.url, "SHOW fsync") == "off"
        assert one(server.url, "SHOW cluster_name") == "it's a 'test'"


@pytest.mark.parametrize("name", ["port", "listen_addresses", "HBA_FILE", "fsync=off -c x", ""])
def test_settings_that_would_open_the_server_are_refused(name: str) -> None:
    with pytest.raises(Refused, match="cannot be given"):
        ServerOptions(settings={name: "x"})


def test_an_unknown_setting_fails_with_the_servers_own_words() -> None:
    options = ServerOptions(settings={"no_such_setting": "1"})
    with pytest.raises(Failed, match='unrecognized configuration parameter "no_such_setting"'):
        temporary_server(options).__enter__()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_stopped_server_starts_again_on_its_port_with_its_data(mode: str) -> None:
    with temporary_server() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 10) AS n")
        before, pid = server.url, server.pid
        server.stop("fast" if mode == "fast" else "immediate")
        assert started(pid) is None
        with pytest.raises(psycopg.OperationalError):
            one(server.url, "SELECT 1")
        server.start()
        assert server.url == before
        assert server.pid != pid
        assert one(server.url, "SELECT sum(n) FROM kept") == "55"
        log = (server.data_dir.parent / "log").read_text(encoding="utf-8")
        assert ("automatic recovery in progress" in log) == (mode == "immediate")


def test_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(temporary_module, "free_ports", lambda: chain([port], free_ports()))
        with temporary_server(NO_FSYNC) as server:
            assert server.port != port
            assert one(server.url, "SELECT 1") == "1"


def test_a_directory_with_spaces_and_accents_will_do(open_directory: Path) -> None:
    place = open_directory / "años y días, 'quoted'"
    place.mkdir(mode=0o755)
    with temporary_server(NO_FSYNC, directory=place) as server:
        assert server.data_dir.is_relative_to(place)
        assert one(server.url, "SELECT 1") == "1"
    assert list(place.iterdir()) == []


@as_root
def test_a_directory_closed_to_the_servers_user_stays_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with temporary_server(NO_FSYNC, directory=tmp_path) as server:
        assert not server.data_dir.is_relative_to(tmp_path)
        assert one(server.url, "SELECT 1") == "1"
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no directory"):
        temporary_server(directory=tmp_path / "missing").__enter__()


def test_a_server_killed_with_sigkill_starts_again() -> None:
    with temporary_server(NO_FSYNC) as server:
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        server.start()
        assert one(server.url, "SELECT 1") == "1"


@as_root
def test_an_ordinary_user_runs_a_server_too(open_directory: Path) -> None:
    user = Account(name="nobody", uid=65534, gid=65534)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    pythons = [Path(sys.executable), Path("/usr/bin") / version]
    usable = [path for path in pythons if can_use(path, user)]
    packages = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    if not usable or not all(can_use(path, user) for path in [ROOT, *packages]):
        pytest.skip(f"user nobody cannot reach {pythons} or {[ROOT, *packages]}")
    os.chown(open_directory, user.uid, user.gid)
    paths = os.pathsep.join(map(str, [ROOT, *packages]))
    launch = ("setpriv", "--reuid=nobody", "--regid=65534", "--clear-groups")
    environment = ("env", "-i", f"PYTHONPATH={paths}", "PATH=/usr/bin:/bin")
    with python(
        OWNER.format(
            then="print(os.getuid(), s.data_dir.stat().st_uid, flush=True); time.sleep(600)"
        ),
        open_directory,
        launch=(*launch, *environment, str(usable[0]), "-B"),
    ) as (owner, says):
        pid, data = said(says)
        assert says.readline() == "65534 65534\n"
        owner.kill()
        assert_nothing_is_left(pid, data, set())
