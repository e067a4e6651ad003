"""Status says all that is so: every condition, a proof that has gone, the rows of now."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pgtide import ReplaceColumn
from pgtide.errors import Refused
from pgtide.ledger import control
from pgtide.ledger.run import Caller, holding
from pgtide.model.gate import Gate, Verdict
from pgtide.model.state import State
from pgtide.operate.status import MigrationStatus, PhaseStatus, status_of
from pgtide.phases.proof import withdraw
from pgtide.postgres.session import connect
from tests import later
from tests.approving import approve
from tests.driving import ACTOR, migrate, record_of, settings_for, undo
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.users import MIGRATION_ID, email_migration

TOUCH = (
    "ALTER TABLE users DISABLE TRIGGER USER",
    "ALTER TABLE users ENABLE TRIGGER USER",
)
CONTRADICT = (
    "UPDATE users SET verification_token = 'old', verification_token_v2 = 'new' WHERE id = 3",
)


def status(url: str) -> MigrationStatus:
    with connect(url, purpose="test") as session:
        return status_of(session, settings_for(url), record_of(url, MIGRATION_ID))


def kinds(url: str) -> list[str]:
    return [one.kind for one in status(url).waiting_for]


def row(url: str, phase: str) -> PhaseStatus | None:
    return next((one for one in status(url).phases if one.phase == phase), None)


def ended(url: str, phase: str) -> PhaseStatus:
    """Return the row of a phase that is over, once its times fit together."""
    found = row(url, phase)
    assert found is not None
    assert found.started_at is not None
    assert found.ended_at is not None
    assert found.started_at <= found.ended_at
    return found


def test_every_condition_is_named_at_once_with_the_time_that_is_known(verified: str) -> None:
    seen = status(verified)
    assert [one.kind for one in seen.waiting_for] == ["gate", "release", "soak"]
    soak = seen.waiting_for[-1].until
    assert soak is not None
    assert seen.verification is not None
    assert (soak - seen.verification.at).total_seconds() == 24 * 3600
    when = f"not before {soak:%Y-%m-%d %H:%M:%S} UTC"
    assert when in seen.waiting_for[-1].text
    assert when in seen.next
    assert "release 2.2.0 or a later one" in seen.next

    with connect(verified, purpose="test") as session:
        control.hold(session, MIGRATION_ID, by="ann", reason="rush hour")
    caller = Caller(actor="bob", heeds_hold=False)
    with holding(settings_for(verified), caller, record_of(verified, MIGRATION_ID)):
        assert kinds(verified) == ["hold", "gate", "release", "soak", "run"]
        assert "the end of the run of bob on " in status(verified).waiting_for[-1].text
    with connect(verified, purpose="test") as session:
        control.release(session, MIGRATION_ID, by="ann")

    later.contract(verified, MIGRATION_ID)
    seen = status(verified)
    assert [one.kind for one in seen.waiting_for] == ["gate", "retention"]
    assert seen.waiting_for[1].until == seen.rollback_until
    assert f"not before {seen.rollback_until:%Y-%m-%d %H:%M:%S} UTC" in seen.next
    later.approve(verified, MIGRATION_ID, Gate.READS_SWITCHED)
    assert kinds(verified) == ["retention"]
    assert "not before" in status(verified).next
    later.purge(verified, MIGRATION_ID)
    assert kinds(verified) == []


@pytest.mark.parametrize(
    ("statements", "why"),
    [(TOUCH, "were changed since it was verified"), (CONTRADICT, "1 write since it was verified")],
)
def test_a_proof_that_has_gone_is_shown_and_its_gate_is_stale(
    verified: str, statements: tuple[str, ...], why: str
) -> None:
    approve(verified, Gate.CONTRACT)
    before = status(verified)
    assert before.verification is not None
    assert before.verification.withdrawn is None
    assert before.gates[0].verdict == Verdict.APPROVED
    run(verified, *statements)
    seen = status(verified)
    assert seen.verification is not None
    assert seen.verification.passed
    assert why in (seen.verification.withdrawn or "")
    assert seen.gates[0].verdict == Verdict.STALE
    assert "its verification is withdrawn" in seen.gates[0].why
    assert seen.waiting_for[0].kind == "gate"
    assert "`pgtide verify 2.1.0`" in seen.next

    with pytest.raises(Refused, match="holds no more") as refused:
        approve(verified, Gate.CONTRACT)
    assert why in refused.value.what
    assert "pgtide verify 2.1.0" in refused.value.remedy
    # To say no is possible all the same.
    approve(verified, Gate.CONTRACT, reject=True)


def test_a_verification_that_contract_withdrew_is_shown_until_the_next_one(verified: str) -> None:
    run(verified, *TOUCH)
    with pytest.raises(Refused, match="cannot be contracted"):
        later.contract(verified, MIGRATION_ID)
    seen = status(verified)
    assert (seen.state, seen.waiting_for) == ("backfilled", ())
    assert seen.verification is not None
    assert "were changed" in (seen.verification.withdrawn or "")
    assert seen.gates[0].verdict == Verdict.STALE
    migrate(verified, email_migration())
    seen = status(verified)
    assert seen.verification is not None
    assert seen.verification.withdrawn is None


def test_triggers_touched_after_contract_make_the_next_gate_stale(verified: str) -> None:
    later.contract(verified, MIGRATION_ID)
    approve(verified, Gate.READS_SWITCHED)
    seen = status(verified)
    assert seen.verification is not None
    assert seen.verification.withdrawn is None
    run(verified, *TOUCH)
    seen = status(verified)
    assert seen.verification is not None
    assert "changed since contract" in (seen.verification.withdrawn or "")
    verdicts = {one.gate: one.verdict for one in seen.gates}
    assert verdicts == {"contract": Verdict.APPROVED, "reads_switched": Verdict.STALE}
    assert "--to verified" in seen.next
    with pytest.raises(Refused, match="changed since contract") as refused:
        approve(verified, Gate.READS_SWITCHED)
    assert "--to verified" in refused.value.remedy
    assert later.to_verified(verified, MIGRATION_ID).state is State.BACKFILLED
    migrate(verified, email_migration())
    later.contract(verified, MIGRATION_ID)
    later.purge(verified, MIGRATION_ID)
    last = status(verified).verification
    assert last is not None
    assert last.withdrawn is None, "after purge nothing keeps two shapes in step"


def by_python(url: str) -> None:
    undo(url, MIGRATION_ID)


def by_sql(url: str) -> None:
    assert run(url, "SELECT pgtide.safe_rollback_migration('2.1.0')") == [(True,)]


@pytest.mark.parametrize("undone", [by_python, by_sql])
def test_a_second_undo_has_times_of_its_own(verified: str, undone: Callable[[str], None]) -> None:
    later.contract(verified, MIGRATION_ID)
    later.to_verified(verified, MIGRATION_ID)
    first = ended(verified, "rollback")
    later.contract(verified, MIGRATION_ID)
    assert row(verified, "rollback") is None, "it went on since"
    undone(verified)
    second = ended(verified, "rollback")
    assert second.started_at is not None
    assert first.ended_at is not None
    assert second.started_at > first.ended_at


def test_an_approval_from_before_an_undo_does_not_come_back_with_the_next_contract(
    verified: str,
) -> None:
    later.contract(verified, MIGRATION_ID)
    approve(verified, Gate.READS_SWITCHED)
    later.to_verified(verified, MIGRATION_ID)
    later.contract(verified, MIGRATION_ID)
    assert status(verified).gates[1].verdict == Verdict.STALE


def test_what_is_to_come_again_is_pending_once_an_earlier_phase_begins(verified: str) -> None:
    with holding(
        settings_for(verified), Caller(actor=ACTOR), record_of(verified, MIGRATION_ID)
    ) as held:
        withdraw(held, "a test says so")
    states: dict[str, str] = {}

    def look(_event: object) -> None:
        now = status(verified)
        if now.state == "backfilling" and not states:
            states.update({one.phase: one.state for one in now.phases})

    migrate(verified, email_migration(), emit=look)
    assert (states["expand"], states["backfill"]) == ("done", "running")
    assert (states["finalize"], states["verify"]) == ("pending", "pending")
    assert row(verified, "verify") is not None


def test_an_undone_contract_leaves_no_purge_that_failed(verified: str) -> None:
    later.contract(verified, MIGRATION_ID)
    run(verified, *TOUCH)
    with pytest.raises(Refused, match="cannot be purged"):
        later.purge(verified, MIGRATION_ID)
    failed = row(verified, "purge")
    assert failed is not None
    assert failed.state == "failed"
    later.to_verified(verified, MIGRATION_ID)
    assert {one.phase: one.state for one in status(verified).phases}["purge"] == "pending"


def test_a_way_back_that_a_write_gave_up_is_not_offered(database: str) -> None:
    create_small(database)
    widened = small_migration(ReplaceColumn("a", type="bigint"))
    migrate(database, replace(widened, on_unrepresentable="release"))
    later.contract(database, SMALL_ID, release="1.1.0")
    for offered, write in (
        (True, "SELECT 1"),
        (False, "UPDATE public.t SET a = 1::bigint << 40 WHERE id = 7"),
    ):
        run(database, write)
        with connect(database, purpose="test") as session:
            record = record_of(database, SMALL_ID)
            seen = status_of(session, settings_for(database), record)
        assert seen.rollback_available is offered
        assert ("pgtide down" in seen.next) is offered
