"""Which programs are run: the package's, from where the server's user reaches them, or others."""

import importlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pgtide.errors import Refused
from pgtide.postgres.embedded import (
    ServerOptions,
    binaries,
    reachable_copy,
    temporary_server,
    tool,
)
from pgtide.postgres.embedded.account import server_account
from pgtide.postgres.embedded.trusted import trusted_directory
from tests.integration.embedded.processes import (
    NO_FSYNC,
    as_root,
    one,
)


def test_a_wrong_directory_of_programs_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"PGTIDE_POSTGRES_BIN names .*no initdb and no postgres"):
        temporary_server(ServerOptions(bin_dir=tmp_path)).__enter__()


def test_programs_that_are_no_postgresql_are_refused(open_directory: Path) -> None:
    for name in ("initdb", "postgres"):
        (open_directory / name).write_text("#!/bin/sh\necho a teapot\n", encoding="ascii")
        (open_directory / name).chmod(0o755)
    with pytest.raises(Refused, match="a teapot"):
        temporary_server(ServerOptions(bin_dir=open_directory)).__enter__()


@as_root
def test_programs_that_the_servers_user_cannot_run_are_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for name in ("initdb", "postgres"):
        shutil.copy(tool(name), tmp_path / name)
    with pytest.raises(Refused, match="cannot run its initdb"):
        temporary_server(ServerOptions(bin_dir=tmp_path)).__enter__()


def test_another_major_version_serves_too() -> None:
    others = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not others:
        pytest.skip("no other PostgreSQL server is installed on this machine")
    with temporary_server(ServerOptions(bin_dir=others[0].parent)) as server:
        assert one(server.url, "SHOW server_version").startswith(others[0].parts[4])
        assert one(server.url, "SHOW server_encoding") == "UTF8"


def test_client_programs_are_found_and_missing_ones_named() -> None:
    said_by = subprocess.run([tool("pg_dump"), "--version"], capture_output=True, check=True)
    assert b"pg_dump (PostgreSQL) 18" in said_by.stdout
    with pytest.raises(Refused, match="no program pg_teapot"):
        tool("pg_teapot")


@pytest.fixture
def closed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package in a directory that only its owner may enter, as in root's own environment."""
    original = tool("postgres").parents[2]
    libraries = original.with_name(f"{original.name}.libs")
    for source in (original, libraries):
        if source.exists():
            shutil.copytree(source, tmp_path / source.name)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path / original.name


@as_root
def test_programs_that_the_servers_user_cannot_reach_are_copied_once(
    closed_package: Path, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_package.parent.chmod(0o700)
    monkeypatch.setattr(reachable_copy, "_parents", lambda: [open_directory])
    with temporary_server(NO_FSYNC) as server:
        assert one(server.url, "SELECT 1") == "1"
    (copy,) = open_directory.glob("pgtide/postgres-*")
    bin_dir = binaries.server_binaries(ServerOptions(), server_account()).bin_dir
    assert bin_dir.is_relative_to(copy)
    subprocess.run([bin_dir / "psql", "--version"], check=True)  # its own libpq came along
    assert_copied_once_and_mended(copy, bin_dir)
    assert closed_package.parent.stat().st_mode & 0o777 == 0o700


def assert_copied_once_and_mended(copy: Path, bin_dir: Path) -> None:
    made = copy.stat().st_ino
    binaries.server_binaries(ServerOptions(), server_account())
    assert copy.stat().st_ino == made
    (bin_dir / "initdb").unlink()
    binaries.server_binaries(ServerOptions(), server_account())
    assert (bin_dir / "initdb").exists()
    assert [path.name for path in copy.parent.iterdir() if path.name.startswith("new-")] == []


def test_programs_without_their_executable_bits_are_copied_with_them(
    closed_package: Path, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in (closed_package / "pginstall" / "bin").iterdir():
        program.chmod(0o644)
    monkeypatch.setattr(reachable_copy, "_parents", lambda: [open_directory])
    with temporary_server(NO_FSYNC) as server:
        assert one(server.url, "SELECT 1") == "1"
    assert tool("psql").is_relative_to(open_directory)


@as_root
@pytest.mark.parametrize("trick", ["symlink", "owner", "mode", "parent"])
def test_a_directory_prepared_by_somebody_else_is_not_trusted(
    trick: str, open_directory: Path
) -> None:
    place = open_directory / "pgtide"
    match trick:
        case "symlink":
            (open_directory / "elsewhere").mkdir()
            place.symlink_to(open_directory / "elsewhere")
        case "owner":
            place.mkdir()
            os.chown(place, 65534, 65534)
        case "mode":
            place.mkdir()
            place.chmod(0o777)
        case _:
            open_directory.chmod(0o777)
    with pytest.raises(Refused, match="No safe directory"):
        trusted_directory([open_directory], "pgtide", account=None)
