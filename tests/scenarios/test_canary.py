"""A small part of the table is filled, and found right, before anything else is."""

from dataclasses import replace

import pytest

from pgtide import Backfill, Migration
from pgtide.events import BatchBegan, CanaryPassed, Event
from pgtide.ledger import claims
from pgtide.ledger.lease import Lease
from pgtide.ledger.slices import Kind
from pgtide.model.state import Phase, State
from pgtide.phases.canary import CanaryFailed
from pgtide.postgres.session import connect
from tests.driving import migrate, record_of, refusal, settings_for
from tests.poisoned import create_poisoned_users, held, out_of_step
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users, email_migration

CAREFUL = replace(email_migration(), backfill=Backfill(canary="5%"))
ROWS = 20_000
# Keeps the value of a few rows back, and says nothing.
SILENT = """
CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN new.id < 100 AND pg_trigger_depth() = 1 THEN NULL ELSE new END;
END $$;
CREATE TRIGGER a_keep BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.keep()
"""


def slices_begun(url: str) -> tuple[int, int]:
    """Return how many slices of the canary, and how many others, have a batch."""
    rows = run(
        url,
        "SELECT count(*) FILTER (WHERE canary IS NOT NULL), count(*) FILTER (WHERE canary IS NULL)"
        " FROM pgtide.slice WHERE kind = 'walk' AND batches > 0",
    )
    return (int(str(rows[0][0])), int(str(rows[0][1])))


@pytest.mark.parametrize("workers", [1, 2])
def test_it_comes_first_and_the_rest_follows(database: str, workers: int) -> None:
    create_users(database, rows=ROWS)
    heard: list[Event] = []
    settings = replace(settings_for(database), workers=workers)
    record = migrate(database, CAREFUL, emit=heard.append, settings=settings)
    assert record.state is State.VERIFIED
    assert out_of_step(database) == []
    canary = [
        row[0] for row in run(database, "SELECT id FROM pgtide.slice WHERE canary = 'passed'")
    ]
    assert canary
    passed = next(i for i, event in enumerate(heard) if isinstance(event, CanaryPassed))
    before = {one.slice_id for one in heard[:passed] if isinstance(one, BatchBegan)}
    after = {one.slice_id for one in heard[passed:] if isinstance(one, BatchBegan)}
    assert sorted(before) == canary
    assert after.isdisjoint(before)
    # A twentieth of the table's blocks, and the rows in it.
    blocks = run(database, "SELECT max(end_block) FROM pgtide.slice WHERE canary = 'passed'")
    whole = run(database, "SELECT max(end_block) FROM pgtide.slice WHERE kind = 'walk'")
    assert 0.04 < int(str(blocks[0][0])) / int(str(whole[0][0])) < 0.07
    told = heard[passed]
    assert isinstance(told, CanaryPassed)
    assert 0 < told.rows < ROWS * 0.07


def test_values_that_are_not_the_expressions_stop_it_and_it_is_sent_again(database: str) -> None:
    create_users(database, rows=ROWS)
    run(database, SILENT)
    error = refusal(lambda: migrate(database, CAREFUL))
    assert isinstance(error, CanaryFailed), repr(error)
    assert "out of step" in error.what
    assert "pgtide up 2.1.0" in error.remedy
    assert slices_begun(database)[1] == 0
    assert record_of(database, MIGRATION_ID).state is State.FAILED
    # Nothing has changed: nor does the answer.
    assert isinstance(refusal(lambda: migrate(database, CAREFUL)), CanaryFailed)
    assert slices_begun(database)[1] == 0
    run(
        database,
        "ALTER FUNCTION public.keep() RENAME TO keep_no_more",
        "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
        "CREATE OR REPLACE TRIGGER a_keep BEFORE UPDATE ON public.users FOR EACH ROW"
        " EXECUTE FUNCTION public.keep()",
    )
    # Somebody touched a trigger that writes: verification asks for a sweep first.
    assert refusal(lambda: migrate(database, CAREFUL)).code == "mismatched"
    assert migrate(database, CAREFUL).state is State.VERIFIED


def test_rows_that_fail_stop_it_once_and_are_told(database: str) -> None:
    poisoned = create_poisoned_users(database, rows=ROWS, every=600)
    error = refusal(lambda: migrate(database, CAREFUL))
    assert isinstance(error, CanaryFailed), repr(error)
    early = held(database)
    assert early
    assert set(early) < set(poisoned)
    assert f"{len(early)} rows that cannot be filled" in error.what
    assert slices_begun(database)[1] == 0
    # Whoever goes on has been told.
    assert refusal(lambda: migrate(database, CAREFUL)).code == "quarantined"
    assert held(database) == out_of_step(database) == poisoned


def test_without_one_nothing_is_judged_before_the_rest(database: str) -> None:
    create_users(database, rows=2_000)
    heard: list[Event] = []
    migrate(database, email_migration(), emit=heard.append)
    assert not [event for event in heard if isinstance(event, CanaryPassed)]


def test_until_it_has_passed_nobody_else_finds_another_slice_free(database: str) -> None:
    """A process that has joined takes what is free, and knows nothing of a canary."""
    create_users(database, rows=ROWS)
    seen: list[set[object]] = []

    def look(event: Event) -> None:
        if isinstance(event, (BatchBegan, CanaryPassed)):
            record = record_of(database, MIGRATION_ID)
            lease = Lease(
                migration_id=record.id, run_id=0, token=record.token, attempt=1, actor="beside"
            )
            with connect(database, purpose="test") as session:
                free = claims.free(session, lease, Kind.WALK, round_=0, silence=60)
            seen.append(set(free))

    migrate(database, CAREFUL, emit=look, until=Phase.BACKFILL)
    known = run(database, "SELECT id FROM pgtide.slice WHERE canary IS NOT NULL")
    canary = {one for (one,) in known}
    assert seen[0] <= canary
    assert any(free - canary for free in seen)


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_a_table_of_a_block_or_none_is_its_own_canary(database: str, rows: int) -> None:
    create_users(database, rows=rows)
    assert migrate(database, CAREFUL).state is State.VERIFIED


def declared(canary: str) -> Migration:
    return replace(email_migration(), backfill=Backfill(canary=canary))


def test_a_canary_that_cannot_be_meant_is_refused(database: str) -> None:
    create_users(database, rows=10)
    error = refusal(lambda: migrate(database, declared("most")))
    assert (error.code, "canary" in error.what) == ("invalid_migration", True)
