"""The later release as a person types it: contract, purge, and the way back."""

from pathlib import Path

import pytest

from tests.command import EMAIL, EMAIL_FILE, Workplace
from tests.driving import migrate
from tests.prefect_server import prefect_api_url
from tests.users import create_users, email_migration


@pytest.fixture
def place(tmp_path: Path, database: str) -> Workplace:
    """Give a verified migration."""
    create_users(database, rows=500)
    migrate(database, email_migration())
    extra = {"PREFECT_API_URL": prefect_api_url()}
    found = Workplace(folder=tmp_path, url=database, extra=extra)
    (found.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    return found


def test_it(place: Workplace) -> None:
    print(place.run("contract", "2.1.0", "--release", "2.1.5"))
    print(place.run("contract", "2.1.0", "--release", "2.2.0"))
    print(place.run("contract", "2.1.0", "--release", "2.2.0", "--now"))
    print(place.run("contract", "2.1.0", "--release", "2.2.0", "--now", "--reason", "x").stdout)
    print(place.run("status").stdout)
    print(place.run("down", "2.1.0", "--to", "verified").stderr)
    print(place.run("down", "2.1.0", "--to", "verified", "--yes"))
    print(
        place.run(
            "contract", "2.1.0", "--release", "2.2.0", "--now", "--reason", "x", "--json"
        ).stdout
    )
    print(place.run("purge", "2.1.0"))
    print(place.run("purge", "2.1.0", "--now", "--reason", "x"))
    print(place.run("purge", "2.1.0", "--now", "--reason", "x", "--yes"))
    print(place.run("status").stdout)
    print(place.run("down", "2.1.0", "--yes").stderr)
    print(place.run("history").stdout)
