"""Decisions in the ledger: bound to what they were made on, and refused where pointless."""

from dataclasses import replace

import psycopg
import pytest

from pgtide.errors import AwaitingApproval, Mismatched, Refused
from pgtide.ledger import audit
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate, Verdict
from pgtide.model.state import Phase, State
from pgtide.operate.status import MigrationStatus, status_of
from pgtide.phases.gate import await_gate
from pgtide.phases.verify_again import verify_again
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.approving import approve, dual_writing, stands
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.users import MIGRATION_ID, create_users, email_migration

DUAL, CONTRACT, READS = Gate.DUAL_WRITE_DEPLOYED, Gate.CONTRACT, Gate.READS_SWITCHED


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def damage(url: str) -> None:
    """Write past the triggers, so that verification fails."""
    change(
        url,
        "ALTER TABLE users DISABLE TRIGGER USER",
        "UPDATE users SET email_verified_v2 = NOT email_verified_v2 WHERE id = 33",
        "ALTER TABLE users ENABLE TRIGGER USER",
    )


def put(url: str, state: State) -> None:
    """Put the migration into a state, as the phases of the later release do."""
    change(url, f"UPDATE pgtide.migration SET state = '{state}'")


def status(url: str) -> MigrationStatus:
    with connect(url, purpose="test") as session:
        return status_of(session, settings_for(url), record_of(url, MIGRATION_ID))


def verify(url: str, actor: str = ACTOR) -> None:
    verify_again(settings_for(url), Caller(actor=actor), record_of(url, MIGRATION_ID))


def attempt(url: str, gate: Gate, settings: Settings | None = None) -> None:
    """Come to a gate as a phase does."""
    with connect(url, purpose="test") as session:
        await_gate(session, record_of(url, MIGRATION_ID), gate, settings or settings_for(url))


def four_eyes(url: str) -> Settings:
    return replace(settings_for(url), four_eyes=True)


def test_a_gate_is_waited_at_and_gone_through_once_it_is_approved(verified: str) -> None:
    with pytest.raises(AwaitingApproval) as waiting:
        attempt(verified, CONTRACT)
    assert waiting.value.exit_code == 3
    assert "nobody has decided yet" in waiting.value.what
    assert waiting.value.state == "It stays verified; nothing was changed."
    assert "`pgtide approve 2.1.0 contract --reason TEXT`" in waiting.value.remedy
    assert "`pgtide contract 2.1.0 --release V`" in waiting.value.remedy
    before = status(verified)
    assert before.waiting_for[0].text.startswith("the gate contract: ")
    assert "pgtide approve 2.1.0 contract" in before.next

    decided = approve(verified, CONTRACT, reason="  2.2 is live ")
    assert decided.at is not None
    attempt(verified, CONTRACT)
    after = status(verified)
    assert after.state == "verified"
    assert "gate" not in {one.kind for one in after.waiting_for}
    shown = after.gates[0]
    assert (shown.gate, shown.verdict, shown.actor) == ("contract", Verdict.APPROVED, "bob")
    assert (shown.typed_by, shown.reason, shown.at) == (ACTOR, "2.2 is live", decided.at)
    with connect(verified, purpose="test") as session:
        entry = audit.history(session, MIGRATION_ID)[-1]
    assert (entry.kind, entry.actor) == ("approved", "bob")
    assert entry.detail["verification"] == 1
    assert (entry.detail["typed_by"], entry.detail["reason"]) == (ACTOR, "2.2 is live")


def test_the_role_of_the_database_is_written_down_too(verified: str) -> None:
    approve(verified, CONTRACT)
    with psycopg.connect(verified) as connection:
        row = connection.execute("SELECT role = session_user FROM pgtide.approval").fetchone()
    assert row == (True,)


def test_rejecting_withdraws_and_a_new_approval_counts_again(verified: str) -> None:
    approve(verified, CONTRACT)
    approve(verified, CONTRACT, by="ann", reject=True, reason="2.2 was rolled back")
    with pytest.raises(AwaitingApproval, match=r"ann rejected it: 2\.2 was rolled back"):
        attempt(verified, CONTRACT)
    assert "ann rejected it" in status(verified).waiting_for[0].text
    approve(verified, CONTRACT)
    attempt(verified, CONTRACT)


def test_a_later_verification_that_passes_keeps_an_approval(verified: str) -> None:
    approve(verified, CONTRACT)
    verify(verified)
    attempt(verified, CONTRACT)


def test_a_failed_verification_ends_an_approval_for_good(verified: str) -> None:
    approve(verified, CONTRACT)
    damage(verified)
    with pytest.raises(Mismatched):
        verify(verified)
    with pytest.raises(Refused, match="contract is decided while it is"):
        approve(verified, CONTRACT)
    migrate(verified, email_migration())
    assert status(verified).state == "verified"
    with pytest.raises(AwaitingApproval, match="bob does not count any more: verification has"):
        attempt(verified, CONTRACT)
    approve(verified, CONTRACT)
    attempt(verified, CONTRACT)


def test_triggers_made_anew_end_an_approval_though_no_verification_failed(verified: str) -> None:
    """As where contract itself finds that somebody touched them."""
    approve(verified, CONTRACT)
    change(verified, "UPDATE pgtide.migration SET state = 'backfilled', sweep_due = true")
    migrate(verified, email_migration())
    with pytest.raises(AwaitingApproval, match="was made anew since"):
        attempt(verified, CONTRACT)


def test_nothing_is_approved_on_a_verification_that_failed(verified: str) -> None:
    damage(verified)
    with pytest.raises(Mismatched):
        verify(verified)
    put(verified, State.VERIFIED)
    with pytest.raises(Refused, match="was not verified as it is now") as refused:
        approve(verified, CONTRACT)
    assert refused.value.state == "Nothing was decided."
    assert "pgtide verify 2.1.0" in refused.value.remedy


def test_starting_over_asks_again(database: str) -> None:
    create_users(database, rows=200)
    for answer in ("first", "second"):
        with pytest.raises(AwaitingApproval):
            migrate(database, dual_writing())
        approve(database, DUAL, reason=answer)
        assert migrate(database, dual_writing()).state is State.VERIFIED
        undo(database, MIGRATION_ID)
        assert {gate.verdict for gate in status(database).gates} == {Verdict.OPEN}


def test_undoing_contract_asks_again(verified: str) -> None:
    approve(verified, CONTRACT)
    put(verified, State.CONTRACTED)
    assert status(verified).waiting_for[0].text.startswith("the gate reads_switched: ")
    approve(verified, READS)
    attempt(verified, READS)
    # As `down --to verified` leaves it.
    change(
        verified,
        "INSERT INTO pgtide.phase (migration_id, attempt, phase, state, ended_at)"
        " SELECT id, attempt, 'rollback', 'done', clock_timestamp() FROM pgtide.migration",
    )
    put(verified, State.VERIFIED)
    for gate in (CONTRACT, READS):
        assert stands(verified, gate).verdict is Verdict.STALE
    approve(verified, CONTRACT)
    attempt(verified, CONTRACT)


@pytest.mark.parametrize(
    ("gate", "state", "says"),
    [
        (DUAL, State.VERIFIED, "has no gate dual_write_deployed"),
        (READS, State.VERIFIED, "reads_switched is decided while it is contracted or purging"),
        (CONTRACT, State.CONTRACTED, "contract is decided while it is contracting or verified"),
        (CONTRACT, State.BACKFILLED, "contract is decided while it is contracting or verified"),
    ],
)
@pytest.mark.parametrize("reject", [False, True])
def test_a_gate_that_it_does_not_stand_before_is_refused(
    verified: str, gate: Gate, state: State, says: str, *, reject: bool
) -> None:
    put(verified, state)
    with pytest.raises(Refused, match=says):
        approve(verified, gate, reject=reject)


def test_a_decision_without_a_reason_is_refused(verified: str) -> None:
    with pytest.raises(Refused, match="needs a reason"):
        approve(verified, CONTRACT, reason=" ")


def test_four_eyes_refuse_who_started_it_under_any_name(verified: str) -> None:
    settings = four_eyes(verified)
    with pytest.raises(Refused, match="tester has started"):
        approve(verified, CONTRACT, by="Tester@laptop", settings=settings)
    # In another's name, but typed by who started it.
    with pytest.raises(Refused, match="tester has started"):
        approve(verified, CONTRACT, by="bob", settings=settings)
    with pytest.raises(Refused, match="tester has started"):
        approve(
            verified,
            CONTRACT,
            by="bob",
            settings=replace(settings, actor="bob", account="tester@here"),
        )
    # Whoever started it may say no.
    approve(verified, CONTRACT, by=ACTOR, reject=True, settings=settings)
    second = replace(settings, actor="bob")
    # To look again is no start.
    verify(verified, actor="bob")
    approve(verified, CONTRACT, settings=second)
    # Nor is to carry out what one approved.
    migrate_as(verified, "bob")
    attempt(verified, CONTRACT, settings)


def migrate_as(url: str, actor: str) -> None:
    """Leave a run of somebody's in the ledger."""
    change(
        url,
        "INSERT INTO pgtide.run (migration_id, attempt, token, actor, host, pid, ended_at, outcome)"
        f" SELECT id, attempt, 900, '{actor}', 'h', 1, now(), 'ended' FROM pgtide.migration",
    )


def test_four_eyes_count_at_the_gate_also_where_the_approver_did_not_ask(verified: str) -> None:
    approve(verified, CONTRACT, by=ACTOR)
    attempt(verified, CONTRACT)
    with pytest.raises(AwaitingApproval, match="tester approved what tester had started"):
        attempt(verified, CONTRACT, four_eyes(verified))
    other = "PGTIDE_FOUR_EYES is set: somebody who has not started it approves"
    assert other in refusal(lambda: attempt(verified, CONTRACT, four_eyes(verified))).remedy
    assert (
        "FOUR_EYES" not in refusal(lambda: attempt(verified, READS, settings_for(verified))).remedy
    )


def test_every_run_of_this_attempt_and_of_no_other_is_a_start(database: str) -> None:
    create_users(database, rows=200)
    migrate(database, email_migration(), until=Phase.EXPAND)
    undo(database, MIGRATION_ID)
    change(database, "UPDATE pgtide.run SET actor = 'bob'")
    migrate(database, email_migration())
    settings = replace(four_eyes(database), actor="bob")
    approve(database, CONTRACT, settings=settings)
    migrate_as(database, "carol")
    with pytest.raises(Refused, match="carol has started"):
        approve(database, CONTRACT, by="carol", settings=settings)


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("approval_gate_check", "UPDATE pgtide.approval SET gate = 'purge'"),
        ("approval_reason_check", "UPDATE pgtide.approval SET reason = ''"),
        (
            "approved_on_a_verification",
            "UPDATE pgtide.approval SET verification_id = NULL",
        ),
    ],
)
def test_a_decision_that_contradicts_itself_is_refused(
    verified: str, constraint: str, statement: str
) -> None:
    approve(verified, CONTRACT)
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        change(verified, statement)
    assert caught.value.diag.constraint_name == constraint


def test_a_ledger_from_before_approvals_has_open_gates(verified: str) -> None:
    change(verified, "DROP TABLE pgtide.approval")
    assert {gate.verdict for gate in status(verified).gates} == {Verdict.OPEN}
