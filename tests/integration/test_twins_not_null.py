"""The new column of a NOT NULL one is NOT NULL before contract, and no strong lock reads the table.

A server that reads a table to prove a constraint says so at DEBUG1; what it takes from a validated
CHECK it says too.
"""

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.errors import Failed, Mismatched
from pgtide.ledger.run import Caller
from pgtide.model.plan import Plan
from pgtide.model.state import Phase, State
from pgtide.model.statement import Lock
from pgtide.phases.backward import verify_again
from tests.driving import ACTOR, migrate, refusal, settings_for, undo
from tests.schema import dumped
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.swapping import swapped, swapped_back

SAME = ReplaceColumn("a", type="int")


@pytest.fixture
def table(database: str) -> str:
    create_small(database)
    run(database, "ALTER TABLE public.t ALTER COLUMN a SET NOT NULL")
    return database


def strict(url: str, column: str) -> bool:
    [(found,)] = run(
        url,
        "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'public.t'::regclass"
        f" AND attname = '{column}'",
    )
    return bool(found)


def heard(url: str, text: str) -> list[str]:
    """Run a statement and return all that the server says."""
    said: list[str] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        connection.execute("SET client_min_messages = debug1")
        connection.execute(text.encode())
    return said


def said_under_strong_locks(url: str, plan: Plan, *, proof: bool) -> list[str]:
    """Run finalize's statements by hand; return what the server said of those that lock all out."""
    said: list[str] = []
    for step in plan.finalize:
        for statement in step.statements:
            if not proof and ("CHECK" in statement.sql or "VALIDATE" in statement.sql):
                continue
            lines = heard(url, statement.sql)
            if statement.lock is Lock.ACCESS_EXCLUSIVE:
                said += lines
    return said


def test_the_new_column_is_not_null_and_undo_leaves_nothing(table: str) -> None:
    shape = dumped(table, "public.t")
    record = migrate(table, small_migration(SAME))
    assert record.state is State.VERIFIED
    [one] = record.plan.replacements
    assert strict(table, one.new)
    assert strict(table, "a")
    assert (
        run(
            table,
            "SELECT conname FROM pg_constraint"
            " WHERE conrelid = 'public.t'::regclass AND contype = 'c'",
        )
        == []
    )
    swapped(table, record.plan)
    assert "a integer NOT NULL" in dumped(table, "public.t")
    swapped_back(table, record.plan)
    assert undo(table, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(table, "public.t") == shape


@pytest.mark.parametrize("proof", [True, False])
def test_no_strong_lock_reads_the_table_as_long_as_the_proof_is_there(
    table: str, proof: bool
) -> None:
    plan = migrate(table, small_migration(SAME), until=Phase.BACKFILL).plan
    said = said_under_strong_locks(table, plan, proof=proof)
    assert [line for line in said if line == 'verifying table "t"'] == (
        [] if proof else ['verifying table "t"']
    )
    assert any("sufficient to prove that it does not contain nulls" in s for s in said) is proof


def test_finalize_can_be_repeated(table: str) -> None:
    """A mismatch sends the migration back to `backfilled`: it passes finalize a second time."""
    record = migrate(table, small_migration(SAME))
    [one] = record.plan.replacements
    run(
        table,
        "ALTER TABLE public.t DISABLE TRIGGER USER",
        f'UPDATE public.t SET "{one.new}" = 7 WHERE id = 1',
    )
    enable(table)
    error = refusal(lambda: verify_again(settings_for(table), Caller(actor=ACTOR), record))
    assert isinstance(error, Mismatched)
    assert migrate(table, small_migration(SAME)).state is State.VERIFIED
    assert strict(table, one.new)


def enable(url: str) -> None:
    for (name,) in run(url, "SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.t'::regclass"):
        run(url, f'ALTER TABLE public.t ENABLE ALWAYS TRIGGER "{name}"')


def test_a_row_that_up_leaves_empty_stops_finalize_and_is_named(table: str) -> None:
    change = ReplaceColumn("a", type="int", up="nullif(a, 7)", down="coalesce(a, 7)")
    error = refusal(lambda: migrate(table, small_migration(change)))
    assert isinstance(error, Failed)
    assert "do not fit the twin of NOT NULL a" in error.what
    assert "pgtide down" in error.remedy
    assert undo(table, SMALL_ID).state is State.ROLLED_BACK


def test_live_writes_after_finalize_leave_verification_valid(table: str) -> None:
    record = migrate(table, small_migration(SAME))
    run(table, "INSERT INTO public.t VALUES (9001, 1)", "UPDATE public.t SET a = 3 WHERE id = 2")
    [one] = record.plan.replacements
    assert run(table, f'SELECT count(*) FROM public.t WHERE "{one.new}" <> a') == [(0,)]
