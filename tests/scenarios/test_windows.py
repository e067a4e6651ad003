"""A migration is at work inside its window only, night after night, and loses nothing between."""

import threading
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from pgtide import Migration
from pgtide.errors import Waiting, WindowClosed
from pgtide.events import BatchCommitted, Event, PhaseBegan, StatementBegan, StepEnded
from pgtide.ledger.control import hold, release
from pgtide.ledger.hours import shown
from pgtide.ledger.record import Record
from pgtide.model.state import Phase, State
from pgtide.operate.status import MigrationStatus, status_of
from pgtide.postgres.session import connect
from tests import later
from tests.driving import record_of, settings_for, undo
from tests.nights import Nights, kinds
from tests.users import MIGRATION_ID, create_users, email_migration

ROWS = 12_000
BUILD = "finalize.index._pgtide_7890009b_3_idx_users_email_verified"


@pytest.fixture
def nights() -> Nights:
    return Nights()


def windowed(nights: Nights) -> Migration:
    return replace(email_migration(), window=nights.window)


def closed(nights: Nights, url: str, **more: object) -> WindowClosed:
    with pytest.raises(WindowClosed) as caught:
        nights.up(url, windowed(nights), **more)  # type: ignore[arg-type]
    return caught.value


def status(url: str, record: Record) -> MigrationStatus:
    with connect(url, purpose="test") as session:
        return status_of(session, settings_for(url), record)


def out_of_step(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM users WHERE email_verified_v2 IS DISTINCT FROM email_verified"
            " OR verification_token_v2 IS DISTINCT FROM verification_token"
        ).fetchone()
        assert row is not None
        return int(row[0])


def test_a_run_is_cut_by_closing_and_continued_three_times(database: str, nights: Nights) -> None:
    create_users(database, rows=ROWS)
    batches: list[tuple[int, int, int]] = []
    tonight = [0]

    def emit(event: Event) -> None:
        if isinstance(event, BatchCommitted) and event.kind == "walk":
            batches.append((event.slice_id, event.step, event.cursor))
            tonight[0] += 1
            if tonight[0] >= 15 and len(nightly) < 3:
                nights.last_seconds(-1)

    slow = replace(settings_for(database), batch_target=timedelta(milliseconds=1), workers=2)
    nightly: list[int] = []
    for _ in range(3):
        opens, tonight[0] = nights.next_opening(), 0
        error = closed(nights, database, emit=emit, settings=slow)
        nightly.append(tonight[0])
        record = record_of(database, MIGRATION_ID)
        assert (record.state, record.resume_to) == (State.PAUSED, State.BACKFILLING)
        assert record.paused_by == "window"
        # The next opening is a day after, and is named, in the ledger too.
        coming = shown(opens + timedelta(days=1), nights.window)
        assert coming in error.what
        assert record.waiting_for == error.what
        assert error.exit_code == 3
        # Outside it ends at once.
        assert coming in closed(nights, database, emit=emit).what
    # Each of two workers may have had a batch in hand.
    assert all(15 <= count <= 17 for count in nightly)
    nights.next_opening()
    record = nights.up(database, windowed(nights), emit=emit)
    assert record.state is State.VERIFIED
    assert record.paused_by is None
    assert out_of_step(database) == 0
    assert len(batches) == len(set(batches)) > 45
    assert [line["by"] for line in kinds(database, "phase_paused")] == ["window"] * 3


def test_nothing_begins_outside(database: str, nights: Nights) -> None:
    create_users(database, rows=100)
    error = closed(nights, database)
    assert "Run `pgtide up 2.1.0` then" in error.remedy
    record = record_of(database, MIGRATION_ID)
    assert record.state is State.PLANNED
    (wait,) = status(database, record).waiting_for
    assert wait.kind == "window"
    assert wait.until == nights.window.next_opening(nights.now)
    assert "not before" in status(database, record).next


def test_a_reason_not_to_wait_is_written_down(database: str, nights: Nights) -> None:
    create_users(database, rows=100)
    record = nights.up(database, windowed(nights), until=Phase.BACKFILL, hurry="it is urgent")
    assert record.state is State.BACKFILLED
    lines = kinds(database, "not_awaited")
    assert [(one["phase"], one["what"], one["reason"]) for one in lines] == [
        ("expand", "window", "it is urgent"),
        ("backfill", "window", "it is urgent"),
    ]
    # It was for that run.
    closed(nights, database)


def test_an_operators_hold_survives_the_next_opening(database: str, nights: Nights) -> None:
    create_users(database, rows=ROWS)

    def emit(event: Event) -> None:
        if isinstance(event, BatchCommitted):
            nights.last_seconds(-1)

    nights.next_opening()
    closed(nights, database, emit=emit)
    with connect(database, purpose="operator") as session:
        hold(session, MIGRATION_ID, by="ann", reason="rush hour")
    record = record_of(database, MIGRATION_ID)
    assert [one.kind for one in status(database, record).waiting_for] == ["hold", "window"]
    for _ in range(2):
        nights.next_opening()
        with pytest.raises(Waiting, match="operator ann holds it: rush hour") as caught:
            nights.up(database, windowed(nights))
        assert not isinstance(caught.value, WindowClosed)
    with connect(database, purpose="operator") as session:
        release(session, MIGRATION_ID, by="ann")
    assert nights.up(database, windowed(nights)).state is State.VERIFIED


def test_a_hold_in_mid_work_is_the_operators_and_no_windows(database: str, nights: Nights) -> None:
    create_users(database, rows=ROWS)

    def emit(event: Event) -> None:
        if isinstance(event, PhaseBegan) and event.phase == Phase.BACKFILL:
            with connect(database, purpose="operator") as session:
                hold(session, MIGRATION_ID, by="ann", reason="rush hour")

    nights.next_opening()
    slow = replace(settings_for(database), duty=0.05)
    with pytest.raises(Waiting, match="rush hour"):
        nights.up(database, windowed(nights), emit=emit, settings=slow)
    record = record_of(database, MIGRATION_ID)
    assert (record.state, record.paused_by) == (State.PAUSED, "operator")


def test_nothing_begins_that_would_not_end_inside(database: str, nights: Nights) -> None:
    create_users(database, rows=100)
    nights.next_opening()
    # Expand may have to try for its lock for minutes.
    nights.last_seconds(5)
    assert "has no time left for expand" in closed(nights, database, emit=_no_statement).what
    nights.next_opening()
    nights.up(database, windowed(nights), until=Phase.FINALIZE)
    with psycopg.connect(database) as connection:
        # As after a build of two hours, whose index somebody has dropped.
        connection.execute("UPDATE pgtide.step SET seconds = 7200 WHERE name = %s", [BUILD])
        connection.execute("UPDATE pgtide.migration SET state = 'backfilled'")
        connection.execute(f"DROP INDEX {BUILD.rpartition('.')[2]}".encode())
    nights.last_seconds(3600)
    error = closed(nights, database, emit=_no_statement)
    assert f"has no time left for {BUILD}, which takes 2.0 h" in error.what
    record = record_of(database, MIGRATION_ID)
    assert (record.paused_by, record.resume_to) == ("window", State.FINALIZING)
    nights.next_opening()
    assert nights.up(database, windowed(nights)).state is State.VERIFIED


def _no_statement(event: Event) -> None:
    assert not isinstance(event, StatementBegan), event


def test_what_no_opening_is_long_enough_for_says_so(database: str, nights: Nights) -> None:
    create_users(database, rows=100)
    nights.next_opening()
    nights.up(database, windowed(nights))
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE pgtide.verification SET seconds = 50000")
        connection.execute("UPDATE pgtide.migration SET state = 'backfilled', sweep_due = true")
    error = closed(nights, database)
    assert "has no time left for verify, which takes 13.9 h" in error.what
    assert "No opening is longer than 4.0 h." in error.remedy


def test_a_build_that_has_begun_is_not_cut(database: str, nights: Nights) -> None:
    """It waits for an old snapshot while the window closes, for more than two heartbeats."""
    create_users(database, rows=1_000)
    nights.next_opening()
    nights.up(database, windowed(nights), until=Phase.BACKFILL)
    done: list[str] = []
    with psycopg.connect(database, options="-c default_transaction_isolation=serializable") as old:
        old.execute("SELECT count(*) FROM users")
        waiting = threading.Timer(2.5, old.close)

        def emit(event: Event) -> None:
            if isinstance(event, StatementBegan) and event.step == BUILD:
                nights.last_seconds(-1)
                waiting.start()
            if isinstance(event, StepEnded):
                done.append(event.step)

        closed(nights, database, emit=emit)
        waiting.join()
    assert done[-1] == BUILD
    assert record_of(database, MIGRATION_ID).standing in {State.FINALIZING, State.FINALIZED}


def test_contract_and_purge_wait_for_the_window_and_undo_does_not(
    database: str, nights: Nights
) -> None:
    create_users(database, rows=100)
    nights.next_opening()
    nights.up(database, replace(windowed(nights), soak=timedelta(0), retain=timedelta(0)))
    # Here the real clock counts, and by that it is closed.
    with pytest.raises(WindowClosed, match="outside its window"):
        later.contract(database, MIGRATION_ID, hurry=None)
    assert record_of(database, MIGRATION_ID).state is State.VERIFIED
    assert later.contract(database, MIGRATION_ID).state is State.CONTRACTED
    with pytest.raises(WindowClosed, match="outside its window") as caught:
        later.purge(database, MIGRATION_ID, hurry=None)
    assert "pgtide purge 2.1.0 --now --reason TEXT" in caught.value.remedy
    lines = kinds(database, "not_awaited")
    assert [(one["phase"], one["what"]) for one in lines] == [("contract", "window")]
    assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
