"""The judges of the kill tests see what is wrong: each is shown a ledger or a table that lies."""

import pytest

from pgtide.model.state import Phase
from tests.driving import migrate
from tests.scenarios.ledger_truth import Begun, disagreements, places, repeated
from tests.small_table import run
from tests.users import create_users, email_migration

SILENT = "ALTER TABLE public.users DISABLE TRIGGER ALL"


@pytest.fixture
def filled(database: str) -> str:
    create_users(database, rows=3_000)
    migrate(database, email_migration(), until=Phase.BACKFILL)
    assert disagreements(database) == []
    return database


def test_a_row_that_was_not_filled_is_seen(filled: str) -> None:
    run(
        filled,
        SILENT,
        "UPDATE public.users SET verification_token_v2 = NULL"
        " WHERE id = (SELECT id FROM public.users WHERE verification_token IS NOT NULL LIMIT 1)",
    )
    found = disagreements(filled)
    assert "backfilled with 1 rows out of step" in found
    assert any(one.startswith("slice ") and one.endswith("1 rows missing") for one in found)


def test_a_batch_that_was_counted_twice_is_seen(filled: str) -> None:
    run(
        filled,
        "UPDATE pgtide.slice SET rows = rows + 1"
        " WHERE id = (SELECT min(id) FROM pgtide.slice WHERE kind = 'walk')",
    )
    [found] = disagreements(filled)
    assert found.startswith("the ledger counts ")


def test_a_step_that_is_gone_is_seen(filled: str) -> None:
    [(trigger,)] = run(filled, "SELECT tgname FROM pg_trigger WHERE tgname LIKE '~zz_pgtide%u'")
    run(filled, f'DROP TRIGGER "{trigger}" ON public.users')
    found = disagreements(filled)
    assert any(one.startswith("backfilled without ") for one in found)
    assert any(one.startswith("step ") for one in found)


def test_a_batch_that_is_begun_behind_its_checkpoint_is_seen(filled: str) -> None:
    known = places(filled)
    slice_id, place = next(iter(known.items()))
    again = Begun(run="r", slice_id=slice_id, place=(0, 0))
    assert place > again.place
    assert len(repeated(known, [again])) == 1
    assert repeated(known, [Begun(run="r", slice_id=slice_id, place=place)]) == []
