"""VACUUM FULL moves every row; a migration that is under way goes on, and says what it saw."""

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.errors import StatementFailed
from pgtide.events import BatchCommitted, Event
from pgtide.ledger.audit import history
from pgtide.model.migration import Migration
from pgtide.model.state import Phase, State
from pgtide.postgres.session import connect
from tests.driving import migrate, record_of
from tests.users import MIGRATION_ID, create_users, email_migration

REWRITE = "VACUUM FULL public.users"


def rewrite(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(REWRITE)


def test_a_rewrite_between_expand_and_backfill_is_no_alarm(database: str) -> None:
    create_users(database, rows=2000)
    migrate(database, email_migration(), until=Phase.EXPAND)
    rewrite(database)

    assert migrate(database, email_migration()).state is State.VERIFIED


def test_a_rewrite_in_mid_backfill_starts_the_walk_over_and_is_no_alarm(database: str) -> None:
    create_users(database, rows=20_000)
    batches = 0

    def interfere(event: Event) -> None:
        nonlocal batches
        if isinstance(event, BatchCommitted):
            batches += 1
            if batches == 3:
                rewrite(database)

    assert migrate(database, email_migration(), emit=interfere).state is State.VERIFIED
    with connect(database, purpose="test") as session:
        kinds = [entry.kind for entry in history(session, MIGRATION_ID)]
    assert kinds.count("table_rewritten") == 1


def test_a_value_that_cannot_be_converted_is_not_told(database: str) -> None:
    create_users(database, rows=100)
    migration = Migration(
        id=MIGRATION_ID,
        version="2.1.0",
        description="Names become numbers",
        table="public.users",
        changes=[ReplaceColumn("email", type="integer", up="email::integer", down="email::text")],
        contract_release="2.2.0",
    )

    with pytest.raises(StatementFailed) as caught:
        migrate(database, migration)

    assert "invalid input syntax" in caught.value.what
    assert "example.org" not in str(caught.value)
    failed = record_of(database, MIGRATION_ID)
    assert failed.state is State.FAILED
    assert "example.org" not in (failed.last_error or "")
