"""An application that is to write both shapes: what waits for it, and how it is seen at work."""

import time
from dataclasses import replace

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.errors import AwaitingApproval, InvalidMigration
from pgtide.model.gate import Gate
from pgtide.model.state import Phase, State
from pgtide.operate.approve import WATCH, Decided
from pgtide.operate.gates import Mended
from pgtide.operate.status import MigrationStatus, status_of
from pgtide.postgres.session import connect
from tests.approving import approve, dual_writing
from tests.driving import migrate, plan_of, record_of, settings_for, undo
from tests.scenarios.dual_writer import DualWriter
from tests.scenarios.live_writers import BASE_ROWS, OLD, Writer, writing
from tests.scenarios.test_live_writers import OUT_OF_STEP, assert_all_found, value
from tests.users import MIGRATION_ID, create_users, email_migration

DUAL = Gate.DUAL_WRITE_DEPLOYED


def status(url: str) -> MigrationStatus:
    with connect(url, purpose="test") as session:
        return status_of(session, settings_for(url), record_of(url, MIGRATION_ID))


def mended(url: str) -> Mended:
    found = status(url).mended
    assert found is not None
    return found


def expanded(url: str, *, rows: int = 200) -> None:
    """Bring a table to where the migration waits for the release that writes both shapes."""
    create_users(url, rows=rows)
    with pytest.raises(AwaitingApproval):
        migrate(url, dual_writing())


def lived_through(url: str, kind: type[Writer]) -> tuple[list[Writer], Decided]:
    """Approve and go on to the end under an application; return it with the decision."""
    expanded(url, rows=BASE_ROWS)
    with writing(url, OLD, numbers=(0, 1), kind=kind) as writers:
        time.sleep(1)
        decided = approve(url, DUAL)
        assert migrate(url, dual_writing()).state is State.VERIFIED
    assert_all_found(url, writers)
    assert value(url, OUT_OF_STEP) == 0
    return writers, decided


def test_an_application_that_writes_both_shapes_leaves_nothing_to_mend(database: str) -> None:
    _, decided = lived_through(database, DualWriter)
    assert decided.mended is not None
    assert (decided.mended.writes, decided.mended.rose_by) == (0, 0)
    assert decided.mended.seconds >= WATCH.total_seconds()
    assert mended(database) == Mended(writes=0, since_approval=0)


def test_an_application_that_does_not_is_seen_and_no_write_of_it_is_lost(database: str) -> None:
    _, decided = lived_through(database, Writer)
    assert decided.mended is not None
    assert 0 < decided.mended.rose_by < decided.mended.writes
    found = mended(database)
    assert found.since_approval is not None
    assert found.since_approval > 0
    assert found.writes == decided.mended.writes + found.since_approval


# On a table whose rows are not filled yet; row 3 is `email_verified` true, row 6 is not.
COUNTED = {
    "UPDATE users SET name = 'other' WHERE id = 3": 0,
    "UPDATE users SET email_verified = false WHERE id = 3": 1,
    "UPDATE users SET email_verified_v2 = false WHERE id = 3": 1,
    "UPDATE users SET email_verified = false, email_verified_v2 = false, verified_at = NULL"
    " WHERE id = 3": 0,
    "UPDATE users SET email_verified = true, email_verified_v2 = true WHERE id = 9": 1,
    "UPDATE users SET email_verified = true, email_verified_v2 = true, verified_at = now()"
    " WHERE id = 9": 0,
    "UPDATE users SET email_verified = NOT email_verified WHERE id IN (3, 6, 9)": 3,
    "UPDATE users SET verification_token = 'a', email_verified = false WHERE id = 3": 1,
    "UPDATE users SET verification_token = 'a', verification_token_v2 = 'b' WHERE id = 3": 0,
    "INSERT INTO users (id, email, email_verified) VALUES (1, 'x', true)": 1,
    "INSERT INTO users (id, email, email_verified_v2) VALUES (1, 'x', true)": 1,
    "INSERT INTO users (id, email, email_verified, email_verified_v2) VALUES (1, 'x', false, false)"
    "": 0,
    "INSERT INTO users (id, email, email_verified, email_verified_v2) VALUES (1, 'x', NULL, NULL)"
    "": 0,
    "INSERT INTO users (id, email, email_verified, email_verified_v2) VALUES (1, 'x', true, true)"
    "": 1,
    # It leaves the old column to its DEFAULT, and the new one to the trigger.
    "INSERT INTO users (id, email) VALUES (1, 'x')": 1,
    "DELETE FROM users WHERE id = 3": 0,
}


@pytest.mark.parametrize("phase", [Phase.EXPAND, Phase.VERIFY])
def test_what_is_counted_is_a_write_of_one_shape(database: str, phase: Phase) -> None:
    expanded(database)
    if phase is Phase.VERIFY:
        approve(database, DUAL)
        migrate(database, dual_writing())
        assert mended(database).writes == 0, "the backfill's own writes must not count"
    found = {}
    with psycopg.connect(database) as session:
        for statement in COUNTED:
            before = mended(database).writes
            session.execute(statement.encode())
            # A sequence keeps what a transaction takes back.
            session.rollback()
            found[statement] = mended(database).writes - before
    assert found == COUNTED


def test_counting_makes_no_writer_wait(database: str) -> None:
    expanded(database)
    with psycopg.connect(database) as first, psycopg.connect(database) as second:
        first.execute("UPDATE users SET email_verified = false WHERE id = 3")
        second.execute("SET lock_timeout = '100ms'")
        second.execute("UPDATE users SET email_verified = false WHERE id = 18")
    assert mended(database).writes == 2


def test_with_triggers_alone_nothing_is_counted_and_nothing_waits(database: str) -> None:
    create_users(database, rows=200)
    assert migrate(database, email_migration()).state is State.VERIFIED
    found = status(database)
    assert found.mended is None
    assert [gate.gate for gate in found.gates] == [Gate.CONTRACT, Gate.READS_SWITCHED]
    assert "_mended" not in str(plan_of(database, email_migration()).expand)


def test_the_counter_goes_with_the_undo(database: str) -> None:
    expanded(database)
    undo(database, MIGRATION_ID)
    assert value(database, "SELECT count(*) FROM pg_class WHERE relname LIKE 'm\\_%\\_mended'") == 0
    assert status(database).mended is None


def test_columns_that_no_application_can_name_are_refused(database: str) -> None:
    create_users(database, rows=20)
    private = replace(dual_writing(), changes=[ReplaceColumn("name", type="varchar(200)")])
    with pytest.raises(InvalidMigration, match="give name an interim name"):
        plan_of(database, private)
