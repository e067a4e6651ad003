"""Too many rows fail: the backfill stops, loses nothing, and goes on once they are mended."""

import re
from dataclasses import replace

import pytest

from pgtide import Backfill
from pgtide.backfill.quarantining import Tripped
from pgtide.model.breaker import FEWEST
from pgtide.model.state import State
from tests.driving import migrate, record_of, refusal, settings_for
from tests.poisoned import create_poisoned_users, held, out_of_step
from tests.small_table import run
from tests.users import MIGRATION_ID, email_migration

LIMITED = replace(email_migration(), backfill=Backfill(quarantine=7))


@pytest.mark.parametrize("workers", [1, 2])
def test_it_stops_at_its_limit_and_goes_on_once_rows_are_mended(
    database: str, workers: int
) -> None:
    poisoned = create_poisoned_users(database, rows=6_000, every=600)
    settings = replace(settings_for(database), workers=workers)
    error = refusal(lambda: migrate(database, LIMITED, settings=settings))
    assert isinstance(error, Tripped), repr(error)
    # Each worker may be about to put one aside.
    assert 7 <= len(held(database)) <= 7 + workers - 1
    assert "7 rows are in quarantine" in error.what.replace("8 rows", "7 rows")
    assert "quarantine=7" in error.what
    assert "refuse_unnamed" in error.what
    assert "pgtide quarantine 2.1.0" in error.remedy
    record = record_of(database, MIGRATION_ID)
    assert (record.state, record.resume_to) == (State.FAILED, State.BACKFILLING)
    assert record.last_error == error.what
    filled = len(out_of_step(database))
    # As it stands it gets no further, and forgets nothing.
    assert isinstance(refusal(lambda: migrate(database, LIMITED, settings=settings)), Tripped)
    assert len(out_of_step(database)) <= filled
    some = ", ".join(str(one) for one in poisoned[3:])
    run(database, f"UPDATE public.users SET name = 'somebody' WHERE id IN ({some})")
    left = refusal(lambda: migrate(database, LIMITED, settings=settings))
    assert left.code == "quarantined", repr(left)
    assert held(database) == out_of_step(database) == poisoned[:3]


def test_exactly_the_limit_is_no_reason_to_stop(database: str) -> None:
    poisoned = create_poisoned_users(database, rows=6_000, every=600)
    most = replace(email_migration(), backfill=Backfill(quarantine=len(poisoned)))
    assert refusal(lambda: migrate(database, most)).code == "quarantined"
    assert held(database) == poisoned


@pytest.mark.parametrize("workers", [1, 2])
def test_it_stops_where_half_of_the_rows_fail(database: str, workers: int) -> None:
    """A wrong expression, or a trigger against all: found out after fifty rows."""
    create_poisoned_users(database, rows=6_000, every=30_000)
    run(
        database,
        "ALTER TABLE public.users DISABLE TRIGGER refuse_unnamed",
        "UPDATE public.users SET name = 'nobody'",
        "ALTER TABLE public.users ENABLE TRIGGER refuse_unnamed",
    )
    settings = replace(settings_for(database), workers=workers)
    error = refusal(lambda: migrate(database, email_migration(), settings=settings))
    assert isinstance(error, Tripped), repr(error)
    counted = re.search(r"(\d+) of (\d+) rows that were tried failed", error.what)
    assert counted is not None, error.what
    failed, tried = int(counted[1]), int(counted[2])
    # Each worker may be about to put one aside, before the count is made or after it.
    assert FEWEST <= failed == tried <= len(held(database)) <= FEWEST + workers - 1


def test_a_quarantine_of_none_stops_at_the_first_row(database: str) -> None:
    create_poisoned_users(database, rows=6_000, every=600)
    none = replace(email_migration(), backfill=Backfill(quarantine=0))
    error = refusal(lambda: migrate(database, none))
    assert isinstance(error, Tripped), repr(error)
    assert held(database) == []
