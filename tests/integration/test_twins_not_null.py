"""The new column of a NOT NULL one is NOT NULL before contract, and no strong lock reads the table.

A server that reads a table to prove a constraint says so at DEBUG1; what it takes from a validated
CHECK it says too.
"""

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.errors import Failed, InvalidMigration, Mismatched
from pgtide.events import Event, StatementBegan
from pgtide.ledger.run import Caller
from pgtide.model.plan import Plan
from pgtide.model.state import Phase, State
from pgtide.model.statement import Lock
from pgtide.phases.fitting import Contradicted
from pgtide.phases.verify_again import verify_again
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.schema import dumped
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.swapping import swapped, swapped_back

SAME = ReplaceColumn("a", type="int")
# The strategy's log, as of the newest passage.
LOGGED = "SELECT status FROM pgtide.migration_log ORDER BY id DESC LIMIT 1"


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


def read_under_strong_locks(url: str, plan: Plan, *, without: str = "") -> list[str]:
    """Run finalize's statements by hand, changed by a mistake; return what the server had to read.

    Weaker locks than these let writers pass.
    """
    said: list[str] = []
    for step in plan.finalize:
        for statement in step.statements:
            lines = heard(url, _mistaken(statement.sql, without))
            if statement.lock in {Lock.ACCESS_EXCLUSIVE, Lock.SHARE_ROW_EXCLUSIVE}:
                said += lines
    return [line for line in said if line.startswith(READING)]


READING = ("verifying table", "validating foreign key", "building index", "rewriting table")


def _mistaken(text: str, without: str) -> str:
    if without == "CHECK" and "_n0p_" in text:
        return "SELECT"
    if without == "CONCURRENTLY" and "UNIQUE INDEX" in text:
        return "SELECT"
    if without == "CONCURRENTLY" and "USING INDEX" in text:
        return text.split(" USING INDEX ", maxsplit=1)[0] + " (id)"
    return text.replace(" NOT VALID", "") if without == " NOT VALID" else text


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


# What finalize must not leave out, and what the server would then read under a strong lock.
MISTAKES = {
    "": set(),
    "CHECK": {'verifying table "t"'},
    " NOT VALID": {
        'verifying table "t"',
        'validating foreign key constraint "{}"',
    },
    "CONCURRENTLY": {'building index "{}" on table "t" serially'},
}


@pytest.mark.parametrize("without", MISTAKES)
def test_no_strong_lock_reads_the_table(table: str, without: str) -> None:
    run(
        table,
        "ALTER TABLE public.t ADD CHECK (a > 0), ADD UNIQUE (a), ADD FOREIGN KEY (a)"
        " REFERENCES public.t",
        "CREATE STATISTICS pair ON a, id FROM public.t",
        "CREATE INDEX ON public.t (a) WHERE a > 7",
    )
    plan = migrate(table, small_migration(SAME), until=Phase.BACKFILL).plan
    names = [twin.twin for twin in plan.twins]
    expected = {line.format(name) for line in MISTAKES[without] for name in names}
    found = set(read_under_strong_locks(table, plan, without=without))
    assert bool(found) is bool(without)
    assert found <= expected
    assert len(found) == len(MISTAKES[without])


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
    begun: list[Event] = []
    assert migrate(table, small_migration(SAME), emit=begun.append).state is State.VERIFIED
    assert strict(table, one.new)
    # What is proved need not be proved again.
    steps = [one.step for one in begun if isinstance(one, StatementBegan)]
    assert [name for name in steps if name.startswith("finalize.")] == ["finalize.analyze"]


def enable(url: str) -> None:
    for (name,) in run(url, "SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.t'::regclass"):
        run(url, f'ALTER TABLE public.t ENABLE ALWAYS TRIGGER "{name}"')


EMPTYING = ReplaceColumn("a", type="int", up="nullif(a, 7) -- never 7", down="coalesce(a, 7)")


@pytest.mark.parametrize(
    "tampering",
    [
        'ALTER TABLE public.t ALTER COLUMN "{}" SET DEFAULT 5',
        "ALTER TABLE public.t DISABLE TRIGGER USER; ALTER TABLE public.t ENABLE TRIGGER USER",
    ],
)
def test_finalize_hides_nothing_that_was_done_before_it(table: str, tampering: str) -> None:
    """NOT NULL changes the column's row in the catalog, and with it the fingerprint."""
    record = migrate(table, small_migration(SAME), until=Phase.BACKFILL)
    [one] = record.plan.replacements
    run(table, *tampering.format(one.new).split("; "))
    enable(table)
    error = refusal(lambda: migrate(table, small_migration(SAME)))
    assert isinstance(error, Mismatched)
    assert "were changed since they were made" in error.what


@pytest.mark.untouched
def test_a_row_that_up_leaves_empty_is_refused_before_anything_changed(table: str) -> None:
    error = refusal(lambda: migrate(table, small_migration(EMPTYING)))
    assert isinstance(error, InvalidMigration)
    assert "NOT NULL a does not hold for the values that `up` gives: 1 rows" in error.what
    assert run(table, "SELECT to_regnamespace('pgtide')") == [(None,)]


@pytest.mark.untouched
def test_a_check_that_the_new_values_break_is_refused_before_anything_changed(table: str) -> None:
    run(table, "ALTER TABLE public.t ADD CONSTRAINT small CHECK (a <= 500 AND id > 0)")
    change = ReplaceColumn("a", type="bigint", up="a::bigint * 2", down="(a / 2)::int")
    error = refusal(lambda: migrate(table, small_migration(change)))
    assert isinstance(error, InvalidMigration)
    assert "small does not hold for the values that `up` gives: 250 rows" in error.what
    assert run(table, "SELECT to_regnamespace('pgtide')") == [(None,)]


def test_a_row_that_up_leaves_empty_later_stops_finalize_and_is_named(table: str) -> None:
    run(table, "DELETE FROM public.t WHERE a = 7")
    migrate(table, small_migration(EMPTYING), until=Phase.BACKFILL)
    run(table, "INSERT INTO public.t VALUES (9001, 7)")
    error = refusal(lambda: migrate(table, small_migration(EMPTYING)))
    assert isinstance(error, Failed)
    assert "do not fit the twin of NOT NULL a" in error.what
    # What goes abroad is the server's code, not what it says of a row.
    assert "SQLSTATE" in (error.abroad or "")
    assert "pgtide down" in error.remedy
    run(table, "INSERT INTO public.t VALUES (9002, 7)")
    assert undo(table, SMALL_ID).state is State.ROLLED_BACK


def test_a_row_that_contradicts_itself_after_the_sweep_is_swept_and_fits(table: str) -> None:
    """Nothing but another sweep would ever fill it: `pgtide up` must not end at it for good."""
    record = migrate(table, small_migration(SAME), until=Phase.BACKFILL)
    [one] = record.plan.replacements
    run(table, f'UPDATE public.t SET a = 7777, "{one.new}" = NULL WHERE id = 3')
    error = refusal(lambda: migrate(table, small_migration(SAME)))
    assert isinstance(error, Contradicted)
    assert "contradict themselves do not fit the twin of NOT NULL a" in error.what
    assert "to sweep" in error.remedy
    assert record_of(table, SMALL_ID).state is State.BACKFILLED
    assert run(table, LOGGED) == [("FAILED",)]
    migrate(table, small_migration(SAME), until=Phase.BACKFILL)
    assert run(table, LOGGED) == [("RUNNING",)]
    assert migrate(table, small_migration(SAME)).state is State.VERIFIED
    assert run(table, f'SELECT a, "{one.new}" FROM public.t WHERE id = 3') == [(7777, 7777)]


def test_whoever_went_past_the_triggers_is_not_swept_away_before_verification(table: str) -> None:
    record = migrate(table, small_migration(SAME), until=Phase.BACKFILL)
    [one] = record.plan.replacements
    run(
        table,
        f'UPDATE public.t SET a = 7777, "{one.new}" = 8888 WHERE id = 3',
        "ALTER TABLE public.t DISABLE TRIGGER USER",
        f'UPDATE public.t SET "{one.new}" = NULL WHERE id = 4',
        "ALTER TABLE public.t ENABLE TRIGGER USER",
    )
    for _ in range(2):
        error = refusal(lambda: migrate(table, small_migration(SAME)))
        assert isinstance(error, Failed)
        assert not isinstance(error, Contradicted)
    assert run(table, f'SELECT "{one.new}" FROM public.t WHERE id = 3') == [(8888,)]


def test_live_writes_after_finalize_leave_verification_valid(table: str) -> None:
    record = migrate(table, small_migration(SAME))
    run(table, "INSERT INTO public.t VALUES (9001, 1)", "UPDATE public.t SET a = 3 WHERE id = 2")
    [one] = record.plan.replacements
    assert run(table, f'SELECT count(*) FROM public.t WHERE "{one.new}" <> a') == [(0,)]
