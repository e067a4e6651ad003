"""`pgtide postgres`: started, found, used where no DATABASE_URL is set, and stopped."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgtide.postgres.embedded import stop_persistent
from pgtide.postgres.embedded.process import started
from tests.command import Workplace
from tests.driving import migrate
from tests.users import MIGRATION_ID, create_users, email_migration


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """A folder of somebody who has no database; whatever was started is stopped."""
    yield Workplace(folder=tmp_path, url="")
    stop_persistent(tmp_path / ".pgtide" / "postgres")


def test_it_runs_from_start_to_stop_and_serves_where_no_database_is_named(
    place: Workplace, database: str
) -> None:
    assert "postgres start" in place.json("postgres", "url", code=2)["error"]["remedy"]
    assert place.json("status", code=2)["error"]["code"] == "invalid_settings"

    first = place.json("postgres", "start")
    assert started(first["pid"])
    assert place.json("postgres", "start") == first
    url = place.run("postgres", "url").stdout.strip()
    with psycopg.connect(url) as connection:
        port = connection.execute("SELECT current_setting('port')::int").fetchone()
    assert port == (first["port"],)

    create_users(url, rows=50)
    migrate(url, email_migration())
    assert [one["id"] for one in place.json("status")] == [MIGRATION_ID]
    # Another database, named by either of the two ways, always wins.
    named = Workplace(folder=place.folder, url=database)
    assert named.json("status") == []
    assert place.json("--database-url", database, "status") == []
    assert "DATABASE_URL is set and wins" in named.run("postgres", "start").stdout

    assert place.json("postgres", "stop") == {"stopped": True}
    assert place.json("postgres", "stop") == {"stopped": False}
    assert started(first["pid"]) is None
