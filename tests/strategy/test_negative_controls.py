"""The SQL that looks right and is not, shown to fail, beside pgtide in the same situation.

Quoted from the strategy, and from the traps. A control that stopped failing would mean that the
situation is not the one it claims to be, and that pgtide's success in it proves nothing.
"""

import time
from collections.abc import Callable

import psycopg
import pytest

from pgtide.backfill.statements import filling
from pgtide.errors import Mismatched
from pgtide.ledger.run import Caller
from pgtide.ledger.slices import KeyRange
from pgtide.model.state import Phase, State
from pgtide.phases.verify_again import verify_again
from pgtide.postgres.keys import BY_INDEX, read_keys
from pgtide.postgres.session import connect
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for
from tests.prober import noise, probing
from tests.strategy.interleaving import meanwhile, quoted, run, write_into
from tests.users import MIGRATION_ID, create_users, email_migration

# Row 3 is verified; row 15's flag is NULL.
DUAL_WRITE = "UPDATE users SET email_verified = false, email_verified_v2 = false WHERE id = 3"
OLD_WRITE = "UPDATE users SET name = 'moved' WHERE id = 3"


def row(url: str, columns: str, key: int = 3) -> tuple[object, ...]:
    with psycopg.connect(url) as session:
        query = f"SELECT {columns} FROM users WHERE id = {key}"
        return session.execute(query.encode()).fetchone() or ()


def add_columns(url: str) -> None:
    """Run the ALTER TABLE of the strategy's first step by itself, which works."""
    text = quoted("create_columns").decode()
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(text[text.index("ALTER TABLE") : text.index("-- Crear índices")].encode())


def whole_backfill(url: str) -> None:
    """Run the phase: a batch that meets the writer lets go, and comes back."""
    migrate(url, email_migration(), until=Phase.BACKFILL)


def one_statement(url: str) -> None:
    """Run a batch's statement by itself, waiting for the writer: nothing mends what it misses."""
    plan = record_of(url, MIGRATION_ID).plan
    assert plan.backfill is not None
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(filling(plan, plan.backfill).open_ended.encode(), {"low": "(0,0)"})


def one_statement_along_the_key(url: str) -> None:
    """Run the statement of a walk by key over all of the table."""
    plan = record_of(url, MIGRATION_ID).plan
    assert plan.backfill is not None
    with connect(url, purpose="test") as session:
        key = read_keys(session, plan.table_oid)[0]
        keyed = filling(plan, plan.backfill, key=key).keyed
        assert keyed is not None
        with session.transaction(settings=BY_INDEX):
            session.execute(keyed.text(KeyRange(columns=key.names, upto=("10",))), {"upto": ["10"]})


FILLS = (whole_backfill, one_statement, one_statement_along_the_key)


def test_the_strategys_loop_never_ends_where_the_old_value_is_null(database: str) -> None:
    """Finding 4: such a row stays NULL, and is looked for again in every round."""
    create_users(database, rows=10)
    add_columns(database)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("SET statement_timeout = '1500ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute(quoted("backfill_loop"))
        # One transaction for all: what it did is gone, and nobody ever saw it (trap 44).
        filled = session.execute("SELECT count(email_verified_v2) FROM users").fetchone()
        assert filled == (0,)
        session.execute(
            "ALTER TABLE users DROP email_verified_v2, DROP verification_token_v2,"
            " DROP verified_at_v2"
        )
    assert migrate(database, email_migration()).state is State.VERIFIED


def test_the_strategys_check_passes_over_a_missing_value(database: str) -> None:
    """Trap 38: `true != NULL` is not true."""
    create_users(database, rows=10)
    migrate(database, email_migration())
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("ALTER TABLE users DISABLE TRIGGER USER")
        session.execute("UPDATE users SET email_verified_v2 = NULL WHERE id = 3")
        session.execute("ALTER TABLE users ENABLE TRIGGER USER")
    run(database, "integrity_check")
    settings, record = settings_for(database), record_of(database, MIGRATION_ID)
    error = refusal(lambda: verify_again(settings, Caller(actor=ACTOR), record))
    assert isinstance(error, Mismatched)
    assert "1 of 10 rows are out of step" in error.what


def test_the_strategys_index_cannot_be_built_in_its_transaction(database: str) -> None:
    create_users(database, rows=10)
    with psycopg.connect(database, autocommit=True) as session:
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            session.execute(quoted("create_columns"))
        session.execute("ROLLBACK")
    migrate(database, email_migration())
    with psycopg.connect(database) as session:
        valid = session.execute(
            "SELECT indisvalid FROM pg_index WHERE indrelid = 'users'::regclass"
            " AND pg_get_indexdef(indexrelid) LIKE '%email_verified_v2%'"
        ).fetchall()
    assert valid == [(True,)]


def test_a_batch_chosen_by_ctid_passes_over_a_row_that_moves(database: str) -> None:
    create_users(database, rows=10)
    add_columns(database)
    write_into(database, OLD_WRITE, lambda: run(database, "trap_31_ctid_in"))
    assert row(database, "email_verified, email_verified_v2") == (True, None)


@pytest.mark.parametrize("fill", FILLS)
def test_pgtides_batch_fills_a_row_that_moves(database: str, fill: Callable[[str], None]) -> None:
    create_users(database, rows=10)
    migrate(database, email_migration(), until=Phase.EXPAND)
    with_sync_off(database)
    write_into(database, OLD_WRITE, lambda: fill(database))
    assert row(database, "email_verified, email_verified_v2") == (True, True)


def test_a_batch_that_reads_first_and_writes_later_loses_an_update(database: str) -> None:
    create_users(database, rows=10)
    add_columns(database)
    write_into(database, DUAL_WRITE, lambda: run(database, "trap_32_stale_source"))
    assert row(database, "email_verified, email_verified_v2") == (False, True)


@pytest.mark.parametrize("fill", FILLS)
def test_pgtides_batch_reads_the_row_that_it_writes(
    database: str, fill: Callable[[str], None]
) -> None:
    create_users(database, rows=10)
    migrate(database, email_migration(), until=Phase.EXPAND)
    with_sync_off(database)
    write_into(database, DUAL_WRITE, lambda: fill(database))
    assert row(database, "email_verified, email_verified_v2") == (False, False)


def with_sync_off(url: str) -> None:
    """Leave the batch alone with the row: the triggers would mend what it does wrong."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("ALTER TABLE users DISABLE TRIGGER USER")


OWN_TRIGGER = """
CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF new.verification_token = 'spent' THEN new.email_verified := true; END IF;
    RETURN new;
END $$;
CREATE TRIGGER m_own BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION own();
"""


@pytest.mark.parametrize("trap", ["trap_33_update_of", "trap_34_first_in_order"])
def test_a_trigger_that_looks_too_narrowly_or_too_early_misses_a_change(
    database: str, trap: str
) -> None:
    create_users(database, rows=10)
    add_columns(database)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("UPDATE users SET email_verified_v2 = email_verified")
        session.execute(OWN_TRIGGER.encode())
        session.execute(quoted(trap))
        session.execute("UPDATE users SET verification_token = 'spent' WHERE id = 9")
    assert row(database, "email_verified, email_verified_v2", key=9) == (True, False)


def test_pgtides_triggers_see_what_an_applications_trigger_changes(database: str) -> None:
    create_users(database, rows=10)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(OWN_TRIGGER.encode())
        migrate(database, email_migration())
        session.execute("UPDATE users SET verification_token = 'spent' WHERE id = 9")
    assert row(database, "email_verified, email_verified_v2", key=9) == (True, True)


PROBE = "UPDATE public.users SET name = name WHERE id = 3"
# What a waiter needs beside the wait itself: to be woken, to run, to be scheduled.
SLACK = 0.15


def test_a_lock_timeout_does_not_bound_how_long_a_lock_is_held(database: str) -> None:
    """Trap 4: 150 ms of lock_timeout, and the application stands for a second."""
    create_users(database, rows=2000)
    quiet = noise(database, PROBE, seconds=0.5)
    with probing(database, PROBE) as stalls:
        run(database, "trap_04_hold_long")
    assert stalls.longest > 1.0
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("ALTER TABLE users DROP email_verified_v2")
    with probing(database, PROBE) as stalls:
        migrate(database, email_migration())
    wait = settings_for(database).lock_wait.total_seconds()
    assert stalls.longest <= wait + quiet + SLACK
    assert stalls.failures == []


def test_a_lock_timeout_counts_each_lock_by_itself(database: str) -> None:
    """Trap 3: three tables, each waited for almost as long as one may be."""
    with psycopg.connect(database, autocommit=True) as session:
        for name in ("one", "two", "three"):
            session.execute(f"CREATE TABLE {name} (id int)".encode())
    holders = [psycopg.connect(database) for _ in range(3)]
    try:
        for holder, name in zip(holders, ("one", "two", "three"), strict=True):
            holder.execute(f"SELECT count(*) FROM {name}".encode())
        took = _locked_while_released(database, holders)
    finally:
        for holder in holders:
            holder.close()
    assert took > 0.6, "it kept to its 400 ms: the control shows nothing"


def _locked_while_released(url: str, holders: list[psycopg.Connection]) -> float:
    with psycopg.connect(url, autocommit=True) as waiter:
        begun = time.monotonic()
        ended: list[float] = []

        def work() -> None:
            with waiter.transaction():
                waiter.execute(quoted("trap_03_lock_many"))
                ended.append(time.monotonic())

        with meanwhile(work):
            for holder in holders:
                time.sleep(0.25)
                holder.rollback()
    return ended[0] - begun


def test_pgtide_locks_one_table_at_a_time(database: str) -> None:
    """Its wait is one wait, whatever else the table is tied to."""
    create_users(database, rows=100)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("CREATE TABLE visits (user_id bigint REFERENCES users, at timestamp)")
        session.execute("CREATE VIEW verified AS SELECT id FROM users WHERE email_verified")
    locked: set[str] = set()

    with psycopg.connect(database, autocommit=True) as watcher:
        migrate(
            database,
            email_migration(),
            emit=lambda _: locked.update(_strongly_locked(watcher)),
        )
    assert locked == {"users"}


def _strongly_locked(watcher: psycopg.Connection) -> set[str]:
    rows = watcher.execute(
        "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE a.application_name LIKE 'pgtide%' AND c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'v')"
        " AND l.mode IN ('ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
    ).fetchall()
    return {row[0] for row in rows}
