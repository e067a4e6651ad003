"""What the strategy says and what a server does with it, where no other control shows it.

Each fragment is the strategy's own text, byte for byte; what pgtide does instead stands beside it
here, or in the test that `docs/strategy.md` names.
"""

import os
import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import (
    LockNotAvailable,
    NumericValueOutOfRange,
    QueryCanceled,
    RaiseException,
    UndefinedColumn,
    UndefinedFunction,
)

from pgtide.errors import Mismatched
from pgtide.ledger.run import Caller
from pgtide.model.state import State
from pgtide.phases.verify_again import verify_again
from tests.command import Workplace
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.strategy.interleaving import HERE, quoted, run
from tests.users import MIGRATION_ID, REQUIRED, create_users, email_migration

# What step 4's release reads.
NEW_RELEASE = "SELECT email_verified_v2, verification_token_v2, verified_at_v2 FROM users"


def part(name: str, begin: str, end: str) -> bytes:
    """Return a fragment from one of its lines up to another."""
    text = quoted(name).decode()
    return text[text.index(begin) : text.index(end)].encode()


def expand_by_hand(session: psycopg.Connection) -> None:
    """Run the strategy's first step without what cannot work in it."""
    session.execute(part("create_columns", "ALTER TABLE", "-- Crear índices"))
    session.execute(part("create_columns", "CREATE INDEX", "-- Logging"))


def answer(session: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return session.execute(query.encode()).fetchall()


def columns(session: psycopg.Connection) -> set[object]:
    query = (
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    return {name for (name,) in answer(session, query)}


@pytest.mark.parametrize("script", ["create_columns", "remove_columns"])
def test_the_strategys_log_has_no_executed_at(database: str, script: str) -> None:
    """Its own scripts write a column that its own table lacks."""
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(quoted("log_table"))
        with pytest.raises(UndefinedColumn, match="executed_at"):
            session.execute(part(script, "INSERT INTO", "COMMIT"))
        assert answer(session, "SELECT count(*) FROM migration_log") == [(0,)]


def test_the_strategys_progress_counts_batches_as_rows_and_prints_its_format(database: str) -> None:
    """RAISE knows no `%.1f`: it writes the number, then the letters."""
    create_users(database, rows=10, kind=REQUIRED)
    said: list[str | None] = []
    with psycopg.connect(database, autocommit=True) as session:
        expand_by_hand(session)
        session.add_notice_handler(lambda notice: said.append(notice.message_primary))
        session.execute(quoted("backfill_loop"))
    assert "Processed 10000 of 10 rows (100000.1f%)" in said


def test_pgtides_count_is_of_rows(database: str) -> None:
    create_users(database, rows=10, kind=REQUIRED)
    migrate(database, email_migration())
    with psycopg.connect(database) as session:
        assert answer(session, "SELECT rows_affected FROM pgtide.migration_log") == [(10,)]


def test_the_strategys_loop_sleeps_on_the_rows_that_it_has_locked(database: str) -> None:
    """One transaction for all batches: each of its pauses is a pause with locks held."""
    create_users(database, rows=10)
    with psycopg.connect(database, autocommit=True) as session:
        expand_by_hand(session)
        loop = threading.Thread(target=_loop_until_cancelled, args=(database,))
        loop.start()
        try:
            _wait_until_it_sleeps(session)
            session.execute("SET lock_timeout = '500ms'")
            with pytest.raises(LockNotAvailable):
                session.execute("UPDATE users SET name = name WHERE id = 3")
        finally:
            session.execute(CANCEL_OTHERS)
            loop.join()


CANCEL_OTHERS = (
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _loop_until_cancelled(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("SET statement_timeout = '1min'")
        with pytest.raises(QueryCanceled):
            session.execute(quoted("backfill_loop"))


def _wait_until_it_sleeps(watcher: psycopg.Connection) -> None:
    deadline = time.monotonic() + 20
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    while time.monotonic() < deadline:
        if answer(watcher, query) == [(1,)]:
            return
        time.sleep(0.01)
    raise AssertionError("the loop never slept")


def test_the_strategys_check_compares_one_column_of_three(database: str) -> None:
    create_users(database, rows=10)
    migrate(database, email_migration())
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("ALTER TABLE users DISABLE TRIGGER USER")
        session.execute("UPDATE users SET verification_token_v2 = 'another' WHERE id = 3")
        session.execute("UPDATE users SET verified_at = NULL WHERE id = 18")
        session.execute("ALTER TABLE users ENABLE TRIGGER USER")
    run(database, "integrity_check")
    settings, record = settings_for(database), record_of(database, MIGRATION_ID)
    error = refusal(lambda: verify_again(settings, Caller(actor=ACTOR), record))
    assert isinstance(error, Mismatched)
    assert "2 of 10 rows are out of step" in error.what


def test_the_strategys_contract_breaks_the_release_that_reads_v2(database: str) -> None:
    create_users(database, rows=10)
    with psycopg.connect(database, autocommit=True) as session:
        expand_by_hand(session)
        session.execute(NEW_RELEASE.encode())
        session.execute(part("remove_columns", "BEGIN;", "-- Logging"))
        session.execute("COMMIT")
        with pytest.raises(UndefinedColumn, match="email_verified_v2"):
            session.execute(NEW_RELEASE.encode())


def test_the_strategys_contract_builds_its_index_while_nobody_may_read(database: str) -> None:
    """Plain CREATE INDEX would stop writers; after the ALTER TABLE it stops readers too."""
    create_users(database, rows=10)
    with psycopg.connect(database, autocommit=True) as session:
        expand_by_hand(session)
        session.execute(part("remove_columns", "BEGIN;", "-- Logging"))
        with psycopg.connect(database, autocommit=True) as reader:
            reader.execute("SET lock_timeout = '200ms'")
            with pytest.raises(LockNotAvailable):
                reader.execute("SELECT count(*) FROM users")
        session.execute("ROLLBACK")


def test_the_strategys_contract_leaves_the_v2_index_behind(database: str) -> None:
    create_users(database, rows=10)
    with psycopg.connect(database, autocommit=True) as session:
        expand_by_hand(session)
        session.execute(part("remove_columns", "BEGIN;", "-- Logging"))
        session.execute("COMMIT")
        left = answer(
            session,
            "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%(email_verified)%' ORDER BY 1",
        )
    assert left == [("idx_users_email_verified",), ("idx_users_email_verified_v2",)]


def test_the_strategys_log_overflows(database: str) -> None:
    """At two thousand million rows, or after 25 days; pgtide's is in test_migration_log.py."""
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(quoted("log_table"))
        session.execute("SELECT log_migration_start('001', 'Add columns')")
        with pytest.raises(UndefinedFunction):
            session.execute("SELECT log_migration_complete(1, 5000000000)")
        with pytest.raises(NumericValueOutOfRange):
            session.execute("UPDATE migration_log SET rows_affected = 5000000000")
        session.execute("UPDATE migration_log SET started_at = now() - interval '40 days'")
        with pytest.raises(NumericValueOutOfRange):
            session.execute("SELECT log_migration_complete(1)")


def test_nothing_of_the_strategys_makes_its_rollback_available(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(quoted("log_table"))
        session.execute(quoted("safe_rollback"))
        session.execute("SELECT log_migration_complete(log_migration_start('001', 'Add columns'))")
        assert answer(session, "SELECT status FROM migration_log") == [("SUCCESS",)]
        with pytest.raises(RaiseException, match="rollback not available"):
            session.execute("SELECT safe_rollback_migration('001')")


def test_the_strategys_rollback_says_that_it_did_what_it_did_not(database: str) -> None:
    """Even where somebody sets the flag by hand: it writes a status, and the columns stay."""
    create_users(database, rows=10)
    with psycopg.connect(database, autocommit=True) as session:
        expand_by_hand(session)
        session.execute(quoted("log_table"))
        session.execute(quoted("safe_rollback"))
        session.execute("SELECT log_migration_complete(log_migration_start('001', 'Add columns'))")
        session.execute("UPDATE migration_log SET rollback_available = true")
        assert answer(session, "SELECT safe_rollback_migration('001')") == [(True,)]
        assert answer(session, "SELECT status FROM migration_log") == [("ROLLED_BACK",)]
        assert "email_verified_v2" in columns(session)


def test_pgtides_rollback_takes_the_columns_away(database: str) -> None:
    create_users(database, rows=10)
    with psycopg.connect(database, autocommit=True) as session:
        before = columns(session)
        migrate(database, email_migration())
        available = answer(session, "SELECT rollback_available FROM pgtide.migration_log")
        assert available == [(True,)]
        assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
        assert columns(session) == before


# Closes the quote and the call, then is a statement of its own.
INJECTED = "']); process.exit(0); (['"


def test_the_strategys_script_lets_a_version_become_code(tmp_path: Path) -> None:
    """The shell puts the variable between quotes of JavaScript, which ends where it says."""
    stand_in = tmp_path / "kubectl"
    stand_in.write_text('#!/bin/sh\nfor last; do :; done\nprintf "%s" "$last"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    told = subprocess.run(
        ["bash", str(HERE / "emergency_rollback.sh"), INJECTED],
        input="yes\n",
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{tmp_path}:{os.defpath}"},
    ).stdout
    assert "['']); process.exit(0); ([''" in told


@pytest.mark.parametrize("wanted", [INJECTED, "2.1.0'; DROP TABLE users; --", "$(reboot)"])
def test_pgtide_takes_a_version_for_a_value(tmp_path: Path, database: str, wanted: str) -> None:
    create_users(database, rows=10)
    migrate(database, email_migration())
    place = Workplace(folder=tmp_path, url=database)
    error = place.json("down", wanted, "--yes", code=2)["error"]
    assert error["message"] == f"There is no migration {wanted!r}."
    assert record_of(database, MIGRATION_ID).state is State.VERIFIED
    with psycopg.connect(database) as session:
        assert answer(session, "SELECT count(*) FROM users") == [(10,)]
