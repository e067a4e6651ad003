"""Addresses that lead to the wrong place: a replica, and a pooler that shares server processes."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgtide.errors import Refused
from pgtide.model.state import State
from pgtide.postgres.embedded import Server
from tests.catalog_snapshot import changes, snapshot
from tests.driving import migrate, refusal
from tests.pooler import running_pooler
from tests.standby import running_standby
from tests.users import create_users, email_migration

# That nothing was changed could not be seen of a ledger that is there already.
pytestmark = pytest.mark.untouched


def test_a_replica_is_refused(server: Server, database: str) -> None:
    create_users(database, rows=6)
    before = snapshot(database)
    with running_standby(server) as replica:
        name = str(conninfo_to_dict(database)["dbname"])
        error = refusal(lambda: migrate(replica.database_url(name), email_migration()))
    assert isinstance(error, Refused)
    assert "This server is a replica" in error.what
    assert "the primary" in error.remedy
    assert changes(before, snapshot(database)) == []


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_shares_server_processes_is_refused(database: str, mode: str) -> None:
    create_users(database, rows=6)
    before = snapshot(database)
    with running_pooler(database, mode=mode) as address:
        error = refusal(lambda: migrate(address, email_migration()))
    assert isinstance(error, Refused)
    assert "pooler" in error.what
    assert "session mode" in error.remedy
    assert changes(before, snapshot(database)) == []


def test_a_pooler_in_session_mode_is_none_to_fear(database: str) -> None:
    create_users(database, rows=6)
    with running_pooler(database, mode="session") as address:
        assert migrate(address, email_migration()).state is State.VERIFIED
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT count(*) FROM public.users WHERE email_verified_v2 IS NOT DISTINCT FROM"
            " email_verified"
        ).fetchone()
    assert row == (6,)
