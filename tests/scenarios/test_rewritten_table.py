"""VACUUM FULL moves every row; a migration that is under way goes on, and says what it saw."""

from dataclasses import replace

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.errors import Failed
from pgtide.events import BatchBegan, BatchCommitted, Event
from pgtide.ledger.audit import history
from pgtide.ledger.slices import Kind
from pgtide.model.migration import Migration
from pgtide.model.state import Phase, State
from pgtide.postgres.session import connect
from tests.driving import migrate, record_of, settings_for
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users, email_migration

REWRITE = "VACUUM FULL public.users"


PIECES = "SELECT id, state FROM pgtide.slice WHERE kind = 'sweep' AND round = 0 ORDER BY ordinal"


class Stopped(Exception):
    pass


def to_the_front(url: str) -> None:
    """Bring a row out of step, and into the blocks that the sweep has seen."""
    run(
        url,
        "UPDATE public.users SET email_verified = true, email_verified_v2 = false"
        " WHERE id = (SELECT max(id) FROM public.users)",
        "DELETE FROM public.users WHERE id < (SELECT max(id) FROM public.users) - 30",
        REWRITE,
    )


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


def test_a_rewrite_in_mid_sweep_starts_the_whole_round_over(database: str) -> None:
    create_users(database, rows=40_000)
    moved: list[int] = []

    def stop(event: Event) -> None:
        if isinstance(event, BatchBegan) and event.kind is Kind.SWEEP:
            raise Stopped

    def interfere(event: Event) -> None:
        if isinstance(event, BatchBegan) and event.kind is Kind.SWEEP and not moved:
            first, second = run(database, PIECES)
            if event.slice_id == second[0]:
                assert first[1] == "done"
                moved.append(event.slice_id)
                to_the_front(database)

    # Two pieces, as two workers cut them; one worker then takes them one after the other.
    two, one = (replace(settings_for(database), workers=number) for number in (2, 1))
    with pytest.raises(Stopped):
        migrate(database, email_migration(), emit=stop, settings=two)
    done = migrate(database, email_migration(), emit=interfere, settings=one)

    assert len(moved) == 1
    assert done.state is State.VERIFIED


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

    with pytest.raises(Failed) as caught:
        migrate(database, migration)

    assert "invalid input syntax" in caught.value.what
    assert "example.org" not in str(caught.value)
    failed = record_of(database, MIGRATION_ID)
    assert failed.state is State.FAILED
    assert "example.org" not in (failed.last_error or "")
