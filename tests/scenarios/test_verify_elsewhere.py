"""Asked to verify where it cannot, pgtide says what is so and what leads to a verification."""

import pytest

from pgtide import ReplaceColumn
from pgtide.errors import Refused
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.phases.verify_again import verify_again
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for
from tests.later import contract, purge, to_verified
from tests.small_table import SMALL_ID, create_small, run, small_migration

SWAPPED = small_migration(ReplaceColumn("a", type="bigint"))


@pytest.fixture
def small(database: str) -> str:
    create_small(database)
    return database


def asked(url: str) -> str:
    """Ask for a verification; return what is said of it."""
    record = record_of(url, SMALL_ID)
    error = refusal(lambda: verify_again(settings_for(url), Caller(actor=ACTOR), record))
    assert isinstance(error, Refused)
    return f"{error.what} {error.remedy}"


def test_after_contract_the_triggers_stand_in_for_it_until_nothing_is_left(small: str) -> None:
    migrate(small, SWAPPED)
    contract(small, SMALL_ID)
    said = asked(small)
    assert "triggers have kept both shapes in step since" in said
    assert "`pgtide down 1.0.0 --to verified`, then `pgtide verify 1.0.0`" in said
    assert "pgtide up" not in said
    to_verified(small, SMALL_ID)
    assert verify_again(settings_for(small), Caller(actor=ACTOR), record_of(small, SMALL_ID)).passed
    contract(small, SMALL_ID)
    purge(small, SMALL_ID)
    assert "nothing left to verify" in asked(small)


def test_in_mid_contract_it_is_contract_that_goes_on(small: str) -> None:
    migrate(small, SWAPPED)
    for state, resume_to in (("failed", "'contracting'"), ("contracting", "NULL")):
        run(small, f"UPDATE pgtide.migration SET state = '{state}', resume_to = {resume_to}")
        assert "`pgtide contract 1.0.0 --release V` goes on" in asked(small)


def test_before_there_is_anything_to_compare_up_leads_there(small: str) -> None:
    migrate(small, SWAPPED, until=Phase.EXPAND)
    assert "`pgtide up 1.0.0` verifies at its end" in asked(small)
    run(small, "UPDATE pgtide.migration SET state = 'rollback_failed'")
    assert "`pgtide down 1.0.0` goes on" in asked(small)
    run(
        small,
        "UPDATE pgtide.migration SET state = 'paused', resume_to = 'verifying',"
        " paused_by = 'operator'",
    )
    assert "`pgtide resume 1.0.0`" in asked(small)
