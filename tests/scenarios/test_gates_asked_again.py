"""Gates on the way through contract, purge and back: an undo and a touched trigger ask again."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from pgtide.changes.purge import SHAPE
from pgtide.errors import AwaitingApproval, Refused, Waiting
from pgtide.events import BackupPartBegan, Event
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate, Verdict
from pgtide.model.state import State
from pgtide.operate.hold import pause
from pgtide.phases.begun import begun
from pgtide.phases.contract import Contracting
from pgtide.phases.contract import contract as carry_out
from pgtide.postgres.session import connect
from tests.approving import approve, stands
from tests.driving import ACTOR, migrate, record_of
from tests.later import HURRY, RELEASE, contract, later_settings, once, purge, to_verified
from tests.small_table import run
from tests.users import MIGRATION_ID, email_migration

COLUMNS = (
    "SELECT attname::text FROM pg_attribute"
    " WHERE attrelid = 'public.users'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1"
)
# The columns that expand added, by their numbers: the names that they have now.
NEW_NAMES = (
    "SELECT attname::text FROM pg_attribute"
    " WHERE attrelid = 'public.users'::regclass AND attnum IN (8, 9) ORDER BY 1"
)


def contract_as_it_stands(url: str) -> None:
    """Carry contract out without approving it first."""
    caller = Caller(actor=ACTOR)
    with begun(later_settings(url), caller, record_of(url, MIGRATION_ID)) as work:
        carry_out(work, Contracting(release=RELEASE, hurry=HURRY))


def test_undoing_contract_asks_both_gates_again(verified: str) -> None:
    contract(verified, MIGRATION_ID)
    approve(verified, Gate.READS_SWITCHED)
    assert stands(verified, Gate.READS_SWITCHED).passes
    assert to_verified(verified, MIGRATION_ID).state is State.VERIFIED
    for gate in (Gate.CONTRACT, Gate.READS_SWITCHED):
        assert stands(verified, gate).verdict is Verdict.STALE
    with pytest.raises(AwaitingApproval, match="it was undone since"):
        contract_as_it_stands(verified)
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED
    assert stands(verified, Gate.READS_SWITCHED).verdict is Verdict.STALE
    assert purge(verified, MIGRATION_ID).state is State.COMPLETED


def test_a_trigger_that_was_touched_asks_again(verified: str) -> None:
    approve(verified, Gate.CONTRACT)
    run(
        verified,
        "ALTER TABLE users DISABLE TRIGGER USER",
        "ALTER TABLE users ENABLE TRIGGER USER",
    )
    with pytest.raises(Refused, match="were changed since"):
        contract_as_it_stands(verified)
    assert migrate(verified, email_migration()).state is State.VERIFIED
    with pytest.raises(AwaitingApproval, match="was made anew since"):
        contract_as_it_stands(verified)
    approve(verified, Gate.CONTRACT)
    contract_as_it_stands(verified)
    assert record_of(verified, MIGRATION_ID).state is State.CONTRACTED


def test_an_approval_taken_back_while_contract_waits_for_its_lock_keeps_it_out(
    verified: str,
) -> None:
    """A rejection was written down and ignored: the gate was asked before the backup, only."""
    reject = once("contract.shape", lambda: approve(verified, Gate.CONTRACT, reject=True))
    with pytest.raises(AwaitingApproval, match="bob"):
        contract(verified, MIGRATION_ID, emit=reject)
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED
    names = run(verified, NEW_NAMES)
    assert names == [("email_verified_v2",), ("verification_token_v2",)]
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED


def test_an_approval_taken_back_during_contracts_backup_keeps_it_out(verified: str) -> None:
    seen: list[Event] = []

    def reject(event: Event) -> None:
        if isinstance(event, BackupPartBegan) and not seen:
            seen.append(event)
            approve(verified, Gate.CONTRACT, reject=True)

    settings = replace(later_settings(verified), backups_fresh=timedelta(microseconds=1))
    with pytest.raises(AwaitingApproval):
        contract(verified, MIGRATION_ID, emit=reject, settings=settings)
    assert seen, "no backup was taken"
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED


def test_a_hold_during_contracts_backup_ends_it(verified: str) -> None:
    def hold(event: Event) -> None:
        if isinstance(event, BackupPartBegan) and not seen:
            seen.append(event)
            with connect(verified, purpose="test") as session:
                pause(session, record_of(verified, MIGRATION_ID), by="ann", reason="rush hour")
            time.sleep(0.5)

    seen: list[Event] = []
    settings = replace(
        later_settings(verified),
        backups_fresh=timedelta(microseconds=1),
        heartbeat=timedelta(milliseconds=50),
    )
    with pytest.raises(Waiting, match="rush hour"):
        contract(verified, MIGRATION_ID, emit=hold, settings=settings)
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED


def test_an_approval_taken_back_while_purge_waits_for_its_lock_keeps_the_columns(
    verified: str,
) -> None:
    contract(verified, MIGRATION_ID)
    columns = run(verified, COLUMNS)
    reject = once(SHAPE, lambda: approve(verified, Gate.READS_SWITCHED, reject=True))
    with pytest.raises(AwaitingApproval, match="bob"):
        purge(verified, MIGRATION_ID, emit=reject)
    assert record_of(verified, MIGRATION_ID).state is State.CONTRACTED
    assert run(verified, COLUMNS) == columns
    assert purge(verified, MIGRATION_ID).state is State.COMPLETED
