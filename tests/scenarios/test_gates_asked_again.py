"""Gates on the way through contract, purge and back: an undo and a touched trigger ask again."""

import pytest

from pgtide.errors import AwaitingApproval, Refused
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate, Verdict
from pgtide.model.state import State
from pgtide.phases.begun import begun
from pgtide.phases.contract import Contracting
from pgtide.phases.contract import contract as carry_out
from tests.approving import approve, stands
from tests.driving import ACTOR, migrate, record_of
from tests.later import HURRY, RELEASE, contract, later_settings, purge, to_verified
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users, email_migration


@pytest.fixture
def verified(database: str) -> str:
    """Give a database with a verified migration."""
    create_users(database, rows=300)
    migrate(database, email_migration())
    return database


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
