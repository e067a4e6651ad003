"""A run under the buttons of Prefect's UI: paused, resumed, cancelled, started a second time."""

from collections.abc import Iterator
from datetime import datetime

import psycopg
import pytest
from prefect.exceptions import Pause

from flows.deployments import deployments
from pgtide.ledger.rate import LiveRate, keep
from pgtide.model.state import State
from pgtide.postgres.session import connect
from tests.acceptance.flow_records import email, out_of_step, runs, state_of
from tests.deployed import Deployed, Working, deployed, until
from tests.prefect_server import PrefectApi, prefect_api
from tests.users import MIGRATION_ID, create_users

__all__ = ["prefect_api"]

MIGRATE = f"{MIGRATION_ID}/migrate"
# Mostly at rest: the backfill takes half a minute, in one group or a few.
SLOW = {"duty": 0.05, "workers": 2}
# What a person is promised.
SECONDS = 2.0


@pytest.fixture
def migrate(database: str, prefect_api: PrefectApi) -> Iterator[Deployed]:
    create_users(database, rows=20_000)
    one = email()
    (wanted,) = [each for each in deployments([one]) if each.name == "migrate"]
    with deployed(prefect_api, [(wanted, one.flow)], database) as made:
        yield made


def filled(url: str) -> int:
    with psycopg.connect(url) as connection:
        there = connection.execute("SELECT to_regclass('pgtide.slice') IS NOT NULL").fetchone()
        if there != (True,):
            return 0
        row = connection.execute("SELECT coalesce(sum(rows), 0)::int FROM pgtide.slice").fetchone()
    assert row is not None
    return int(row[0])


def stopped(url: str, working: Working, asked: datetime) -> None:
    """Check that a run was over soon after, with a checkpoint."""
    working.done()
    ended = runs(url)[-1]
    assert ended["outcome"] == "interrupted"
    assert (ended["ended_at"] - asked).total_seconds() < SECONDS
    assert state_of(url) is State.BACKFILLING


def test_pause_and_cancel_reach_the_batches_and_a_second_run_ends_well(
    database: str, migrate: Deployed
) -> None:
    first = migrate.trigger(MIGRATE, SLOW)
    working = migrate.begin(first)
    until(lambda: filled(database))
    stopped(database, working, migrate.suspend(first))
    # The state that the person has given it stays, and so does the process: away.
    assert [type(one) for one in working.left] == [Pause]
    assert migrate.state(first)["name"] == "Suspended"
    before = filled(database)

    assert migrate.resume(first)["status"] == "ACCEPT"
    working = migrate.begin(first)
    until(lambda: filled(database), lambda rows: rows > before)
    busy = migrate.run(MIGRATE)
    assert (busy["type"], busy["name"]) == ("COMPLETED", "Busy")
    holder = runs(database)[-1]
    assert f"is held by run {holder['id']} of {MIGRATION_ID} by" in busy["message"]
    assert holder["flow_run_id"] == first
    stopped(database, working, migrate.cancel(first))
    assert migrate.state(first)["name"] == "Cancelled"

    with connect(database, purpose="operator") as session:
        keep(session, MIGRATION_ID, LiveRate(duty=1.0, batch_ms=50.0), by="ann")
    assert migrate.run(MIGRATE)["name"] == "Completed"
    assert state_of(database) is State.VERIFIED
    assert out_of_step(database) == 0
    # Nobody filled a row that was filled before.
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT count(*) FROM public.users"
            " WHERE num_nonnulls(email_verified, verification_token) > 0"
        ).fetchone()
    assert row == (filled(database),)
