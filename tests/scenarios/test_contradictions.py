"""A write that sets both shapes to different values: left alone, and never contracted so."""

from dataclasses import replace

import psycopg

from pgtide.errors import LockNotAcquired
from pgtide.ledger.record import Record
from pgtide.model.state import State
from tests.driving import migrate, record_of, refusal
from tests.later import contract, later_settings, once, to_verified
from tests.small_table import run
from tests.users import MIGRATION_ID, email_migration

CONTRADICT = (
    "UPDATE public.users SET verification_token = 'old', verification_token_v2 = 'interim'"
    " WHERE id = 33"
)
VALUES = "SELECT verification_token, verification_token_v2 FROM public.users WHERE id = 33"
KEPT = "SELECT conflicts FROM pgtide.verification ORDER BY id"


def withdrawn(url: str) -> Record:
    record = record_of(url, MIGRATION_ID)
    assert (record.state, record.resume_to) == (State.BACKFILLED, None)
    assert record.sweep_due
    return record


def test_it_is_not_contracted_until_it_is_swept(verified: str) -> None:
    run(verified, CONTRADICT)
    assert run(verified, VALUES) == [("old", "interim")]
    error = refusal(lambda: contract(verified, MIGRATION_ID))
    assert error.exit_code == 2
    assert "1 write since it was verified set both columns to different values" in error.what
    withdrawn(verified)
    assert migrate(verified, email_migration()).state is State.VERIFIED
    # What everybody reads by the final name is what everybody read by it before.
    assert run(verified, VALUES) == [("old", "old")]
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED
    assert run(verified, VALUES) == [("old", "old")]
    assert run(verified, KEPT) == [(0,), (1,)]


def test_it_is_seen_under_the_lock_that_contract_waited_for(verified: str) -> None:
    write = once("contract.shape", lambda: run(verified, CONTRADICT))
    error = refusal(lambda: contract(verified, MIGRATION_ID, emit=write))
    assert "set both columns" in error.what
    withdrawn(verified)
    assert run(verified, VALUES) == [("old", "interim")]


def test_a_verdict_is_carried_over_with_what_had_been_counted_before_it(verified: str) -> None:
    run(verified, CONTRADICT)
    refusal(lambda: contract(verified, MIGRATION_ID))
    migrate(verified, email_migration())
    contract(verified, MIGRATION_ID)
    assert to_verified(verified, MIGRATION_ID).state is State.VERIFIED
    assert run(verified, KEPT) == [(0,), (1,), (1,)]
    run(verified, CONTRADICT.replace("33", "66"))
    assert "1 write since" in refusal(lambda: contract(verified, MIGRATION_ID)).what
    withdrawn(verified)


def test_a_contract_that_gave_up_is_not_taken_back_to_a_proof_that_has_gone(verified: str) -> None:
    brief = replace(later_settings(verified), lock_tries=1)
    with psycopg.connect(verified) as reader:
        reader.execute("SELECT count(*) FROM public.users")
        error = refusal(lambda: contract(verified, MIGRATION_ID, settings=brief))
    assert isinstance(error, LockNotAcquired)
    run(verified, CONTRADICT)
    to_verified(verified, MIGRATION_ID)
    withdrawn(verified)
    assert migrate(verified, email_migration()).state is State.VERIFIED
    assert run(verified, VALUES) == [("old", "old")]
