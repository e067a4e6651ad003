"""Both releases write through a whole migration and its undo; every acknowledged write is found."""

import time

import psycopg

from pgtide.events import BatchCommitted, Event
from pgtide.model.state import Phase, State
from tests.driving import migrate, undo
from tests.scenarios.live_writers import BASE_ROWS, NEW, OLD, Writer, writing
from tests.users import MIGRATION_ID, create_users, email_migration

OUT_OF_STEP = """
SELECT count(*) FROM users
 WHERE email_verified IS DISTINCT FROM email_verified_v2
    OR verification_token IS DISTINCT FROM verification_token_v2
    OR (email_verified IS TRUE) <> (verified_at IS NOT NULL)
"""


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as session:
        row = session.execute(query.encode()).fetchone()
    return row[0] if row else None


def missing(url: str, writers: list[Writer]) -> list[str]:
    """Return what the account says and the table does not, by the old names."""
    with psycopg.connect(url) as session:
        found = {
            key: (flag, token)
            for key, flag, token in session.execute(
                "SELECT id, email_verified, verification_token FROM users"
            )
        }
    accounts = [writer.account for writer in writers]
    return [
        f"row {key} is {found.get(key)}, acknowledged {held}"
        for account in accounts
        for key, held in account.rows.items()
        if found.get(key) != held
    ] + [f"row {key} came back" for account in accounts for key in account.gone if key in found]


def assert_all_found(url: str, writers: list[Writer]) -> None:
    for writer in writers:
        assert writer.account.failures == []
        assert writer.account.wrong_reads == []
        assert writer.account.acknowledged.keys() == {
            "_insert", "_flag", "_token", "_both", "_upsert", "_delete"
        }  # fmt: skip
    assert missing(url, writers) == []


def test_the_account_is_right_where_there_is_no_migration(database: str) -> None:
    """Otherwise the test below would blame, or praise, the wrong one."""
    create_users(database, rows=BASE_ROWS)
    with writing(database, OLD, numbers=(0, 1)) as writers:
        time.sleep(1)
    assert_all_found(database, writers)
    [key] = list(writers[0].account.rows)[:1]
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("UPDATE users SET verification_token = 'lost' WHERE id = %s", (key,))
        session.execute("INSERT INTO users (id, email) VALUES (%s, 'x')", (gone(writers),))
    assert len(missing(database, writers)) == 2


def gone(writers: list[Writer]) -> int:
    return next(iter(writers[1].account.gone))


def test_every_acknowledged_write_of_both_releases_is_found(database: str) -> None:
    create_users(database, rows=BASE_ROWS)
    events: list[Event] = []
    with writing(database, OLD, numbers=(0, 1)) as old:
        time.sleep(0.2)
        record = migrate(database, email_migration(), until=Phase.BACKFILL, emit=events.append)
        assert record.state is State.BACKFILLED
        # A release that knows only the new names may go out from `backfilled` on.
        with writing(database, NEW, numbers=(2, 3)) as new:
            assert migrate(database, email_migration()).state is State.VERIFIED
            time.sleep(0.5)
            assert value(database, OUT_OF_STEP) == 0
        time.sleep(0.2)
        assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
        time.sleep(0.2)
    assert_all_found(database, [*old, *new])
    assert len([event for event in events if isinstance(event, BatchCommitted)]) > 10
    left = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0"
    assert value(database, left + " AND NOT attisdropped") == 7
    assert value(database, "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'users'::regclass") == 0
    assert value(database, "SELECT count(*) FROM pgtide.archive") != 0
