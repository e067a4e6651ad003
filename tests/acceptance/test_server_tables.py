"""The tables of a local Prefect server: the first one makes them, the next ones begin with them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows import local_server as local
from flows.local_server import LocalServer, local_server
from flows.server_tables import DATABASE, keep, lay_down
from tests.prefect_server import PrefectApi

FLOWS = "SELECT count(*) FROM flow"


def ask(path: Path, query: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        [(found,)] = connection.execute(query).fetchall()
    return int(found)


def serves(server: LocalServer) -> bool:
    made = PrefectApi(server.api_url).ask("POST", "/flows/", {"name": "a flow"})
    return bool(made["id"])


def test_the_first_server_keeps_its_tables_and_the_next_begins_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "share" / "prefect.db"
    monkeypatch.setattr(local, "kept", lambda: place)
    with local_server(tmp_path / "first") as server:
        assert serves(server)
    assert ask(tmp_path / "first" / DATABASE, FLOWS) == 1
    # As they were before anybody had used them.
    assert ask(place, FLOWS) == 0
    assert ask(place, "SELECT count(*) FROM configuration") == 0
    assert [path.name for path in place.parent.iterdir()] == [place.name]

    (tmp_path / "next").mkdir()
    assert lay_down(tmp_path / "next", place)
    with local_server(tmp_path / "next") as server:
        assert serves(server)
    # What a server has is its own.
    assert not lay_down(tmp_path / "next", place)
    assert ask(tmp_path / "next" / DATABASE, FLOWS) == 1


def test_what_is_spoilt_is_not_laid_down_and_is_kept_anew(tmp_path: Path) -> None:
    place, used = tmp_path / "kept.db", tmp_path / "used"
    used.mkdir()
    for spoilt in (b"", b"no database", b"SQLite format 3\x00" + b"x" * 4096):
        place.write_bytes(spoilt)
        assert not lay_down(tmp_path, place)
        assert not (tmp_path / DATABASE).exists()
    with closing(sqlite3.connect(used / DATABASE)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('1')")
    keep(used, place)
    assert lay_down(tmp_path, place)


def test_where_nothing_can_be_kept_nothing_is_and_nobody_minds(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    keep(tmp_path / "nowhere", tmp_path / "kept.db")
    keep(tmp_path, tmp_path / "taken" / "kept.db")
    assert not (tmp_path / "kept.db").exists()
