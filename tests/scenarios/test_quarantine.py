"""Rows that cannot be filled are found, put in quarantine, and the others are filled."""

from dataclasses import replace

import pytest

from pgtide import AddColumn, Backfill, Migration, ReplaceColumn
from pgtide.events import BatchBegan, Event, RowQuarantined
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from pgtide.phases.quarantine import Quarantined, retry_now
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.poisoned import create_poisoned_users, held, out_of_step, told
from tests.small_table import SMALL_ID, run, small_migration
from tests.users import MIGRATION_ID, email_migration

pytestmark = pytest.mark.long

ROWS = 6_000
MEND = "UPDATE public.users SET name = 'somebody' WHERE name = 'nobody'"


def stopped(url: str, migration: Migration | None = None, **settings: object) -> Quarantined:
    """Go forward until the backfill ends for the rows in quarantine."""
    chosen = replace(settings_for(url), **settings)  # type: ignore[arg-type]  # by their names
    error = refusal(lambda: migrate(url, migration or email_migration(), settings=chosen))
    assert isinstance(error, Quarantined), repr(error)
    return error


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("every", [30_000, 600, 150], ids=["one", "some", "many"])
@pytest.mark.wide
def test_the_rows_that_fail_are_in_quarantine_and_all_others_are_filled(
    database: str, every: int, workers: int
) -> None:
    poisoned = create_poisoned_users(database, rows=ROWS, every=every)
    assert poisoned
    error = stopped(database, workers=workers)
    assert held(database) == poisoned == out_of_step(database)
    assert f"{len(poisoned):,} row" in error.what
    assert "refuse_unnamed" in error.what
    assert "pgtide quarantine 2.1.0" in error.remedy
    record = record_of(database, MIGRATION_ID)
    assert (record.state, record.resume_to) == (State.FAILED, State.BACKFILLING)


def test_a_mended_row_leaves_and_the_migration_goes_on(database: str) -> None:
    create_poisoned_users(database, rows=ROWS, every=600)
    stopped(database)
    run(database, MEND)
    assert migrate(database, email_migration()).state is State.VERIFIED
    assert held(database) == out_of_step(database) == []
    left = run(database, "SELECT DISTINCT left_as FROM pgtide.quarantine")
    # The application's own write brought them in step: nothing was left to fill.
    assert left == [("in_step",)]


def test_a_row_whose_obstacle_is_gone_is_filled_by_the_next_run(database: str) -> None:
    poisoned = create_poisoned_users(database, rows=ROWS, every=600)
    stopped(database)
    run(database, "DROP TRIGGER refuse_unnamed ON public.users")
    assert migrate(database, email_migration()).state is State.VERIFIED
    assert held(database) == out_of_step(database) == []
    filled = run(database, "SELECT count(*) FROM pgtide.quarantine WHERE left_as = 'filled'")
    assert filled == [(len(poisoned),)]
    # They count as filled: as if they had been at first.
    counted = "SELECT sum(rows) FROM pgtide.slice WHERE kind <> 'archive'"
    out = "email_verified IS NOT NULL OR verification_token IS NOT NULL"
    assert run(database, counted) == run(database, f"SELECT count(*) FROM users WHERE {out}")


def test_a_row_that_fails_still_is_told_again_and_tried_once(database: str) -> None:
    poisoned = create_poisoned_users(database, rows=ROWS, every=3_000)
    first = stopped(database)
    assert stopped(database).what == first.what
    assert held(database) == poisoned
    assert run(database, "SELECT DISTINCT tries FROM pgtide.quarantine") == [(2,)]


def test_a_deleted_row_leaves(database: str) -> None:
    create_poisoned_users(database, rows=ROWS, every=600)
    stopped(database)
    run(database, "DELETE FROM public.users WHERE name = 'nobody'")
    assert migrate(database, email_migration()).state is State.VERIFIED
    assert run(database, "SELECT DISTINCT left_as FROM pgtide.quarantine") == [("gone",)]


def test_rows_are_tried_again_by_hand_and_what_fails_still_stays(database: str) -> None:
    poisoned = create_poisoned_users(database, rows=ROWS, every=600)
    stopped(database)
    one = poisoned[0]
    run(
        database,
        "DROP TRIGGER refuse_unnamed ON public.users",
        "CREATE TRIGGER refuse_unnamed AFTER UPDATE ON public.users FOR EACH ROW"
        f" WHEN (new.id = {one}) EXECUTE FUNCTION public.refuse_unnamed()",
    )
    tally = retry_now(
        settings_for(database), Caller(actor=ACTOR), record_of(database, MIGRATION_ID)
    )
    assert tally == {"filled": len(poisoned) - 1, None: 1}
    assert held(database) == out_of_step(database) == [one]


def test_nothing_of_a_row_is_told(database: str) -> None:
    create_poisoned_users(database, rows=ROWS, every=600)
    heard: list[Event] = []
    error = refusal(lambda: migrate(database, email_migration(), emit=heard.append))
    everything = f"{told(database)} {error} {heard}"
    assert "refuse_unnamed" in everything
    assert "example.org" not in everything


def test_an_undo_needs_no_quarantine_and_another_attempt_begins_without(database: str) -> None:
    create_poisoned_users(database, rows=ROWS, every=600)
    stopped(database)
    assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
    run(database, MEND)
    assert migrate(database, email_migration()).state is State.VERIFIED


NUMBERS = ReplaceColumn("a", type="integer", up="a::integer", down="a::text")


def numbers(url: str, bad: str, *, key: str = "id int PRIMARY KEY") -> Migration:
    """Create a table of numbers in words, some of them none, and return its migration."""
    run(
        url,
        f"CREATE TABLE public.t ({key}, a text, pad text)",
        "INSERT INTO public.t SELECT g, g, repeat('x', 80) FROM generate_series(1, 8000) g",
        f"UPDATE public.t SET a = 'number ' || id WHERE {bad}",
        "VACUUM ANALYZE public.t",
    )
    return small_migration(NUMBERS)


def unfilled(url: str) -> list[object]:
    """Return the ids of the rows without a number."""
    (name, _), *_ = record_of(url, SMALL_ID).plan.expected.columns
    return [row[0] for row in run(url, f'SELECT id FROM t WHERE "{name}" IS NULL ORDER BY id')]


def _bad(url: str) -> list[tuple[object, ...]]:
    return run(
        url, "SELECT key, sqlstate FROM pgtide.quarantine WHERE left_at IS NULL ORDER BY key"
    )


@pytest.mark.parametrize(
    "bad", [(3, 4000, 4001, 8000), tuple(range(4000, 4060))], ids=["few", "a_block_of_them"]
)
def test_a_value_that_cannot_be_converted_is_found_though_the_test_itself_fails(
    database: str, bad: tuple[int, ...]
) -> None:
    """The guard calls the expression too: no pass, no sweep and no comparison may look at it."""
    migration = numbers(database, f"id IN {bad}")
    error = stopped(database, migration)
    assert _bad(database) == [({"id": one}, "22P02") for one in bad]
    assert run(database, "SELECT max(tries) FROM pgtide.quarantine") == [(1,)]
    assert "number" not in f"{told(database)} {error}".replace("number of", "")
    assert unfilled(database) == list(bad)
    run(database, "UPDATE public.t SET a = '1' WHERE a LIKE 'number%'")
    assert migrate(database, migration).state is State.VERIFIED


def test_an_expression_is_not_called_on_a_row_that_is_left_out_however_cheap_it_is(
    database: str,
) -> None:
    """The server looks at the cheaper of two conditions first, unless it may not."""
    run(
        database,
        "CREATE TABLE public.t (id int PRIMARY KEY, n int, pad text)",
        "INSERT INTO public.t SELECT g, CASE WHEN g BETWEEN 4000 AND 4006 THEN 0 ELSE g END,"
        " repeat('x', 80) FROM generate_series(1, 8000) g",
        "VACUUM ANALYZE public.t",
    )
    migration = small_migration(AddColumn("share", type="integer", backfill="100 / n"))
    stopped(database, migration)
    assert _bad(database) == [({"id": one}, "22012") for one in range(4000, 4007)]
    run(database, "UPDATE public.t SET n = 1 WHERE n = 0")
    assert migrate(database, migration).state is State.VERIFIED


@pytest.mark.parametrize("act", ["moved", "deleted", "rewritten"])
def test_a_row_without_a_key_is_found_again_by_the_sweep(database: str, act: str) -> None:
    migration = numbers(database, "id = 4000", key="id int")
    stopped(database, migration)
    mend = {
        "moved": "UPDATE public.t SET a = '1' WHERE id = 4000",
        "deleted": "DELETE FROM public.t WHERE id = 4000",
        "rewritten": "VACUUM FULL public.t",
    }
    run(database, mend[act])
    if act == "rewritten":
        stopped(database, migration)
        assert len(_bad(database)) == 1
        run(database, mend["moved"])
    assert migrate(database, migration).state is State.VERIFIED
    assert _bad(database) == []


def test_a_rewritten_table_keeps_its_quarantine_by_key(database: str) -> None:
    migration = numbers(database, "id IN (3, 4000)")
    stopped(database, migration)
    run(database, "DELETE FROM public.t WHERE id < 1000 AND id <> 3", "VACUUM FULL public.t")
    stopped(database, migration)
    assert [key for key, _ in _bad(database)] == [{"id": 3}, {"id": 4000}]
    assert unfilled(database) == [3, 4000]


CHECK = "ALTER TABLE t ADD CONSTRAINT short CHECK (id <> 40) NOT VALID"
AT_COMMIT = """
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.id = 40 THEN
        RAISE EXCEPTION 'late' USING ERRCODE = 'ZX001';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION late();
"""


@pytest.mark.parametrize(
    ("refusing", "sqlstate"), [(CHECK, "23514"), (AT_COMMIT, "ZX001")], ids=["check", "at_commit"]
)
def test_what_refuses_a_row_at_any_moment_is_a_reason(
    database: str, refusing: str, sqlstate: str
) -> None:
    migration = numbers(database, "false")
    # Preflight refuses what breaks a constraint before; this one comes later.
    migrate(database, migration, until=Phase.EXPAND)
    run(database, refusing)
    stopped(database, migration)
    assert _bad(database) == [({"id": 40}, sqlstate)]


def test_another_try_keeps_the_applications_triggers_silent_where_batches_do(
    database: str,
) -> None:
    migration = replace(numbers(database, "false"), backfill=Backfill(user_triggers="skip"))
    migrate(database, migration, until=Phase.EXPAND)
    run(
        database,
        CHECK,
        "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'loud'; END $$",
        "CREATE TRIGGER loud AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION loud()",
    )
    stopped(database, migration)
    assert _bad(database) == [({"id": 40}, "23514")]
    run(database, "ALTER TABLE t DROP CONSTRAINT short")
    assert migrate(database, migration).state is State.VERIFIED
    assert run(database, "SELECT left_as FROM pgtide.quarantine") == [("filled",)]


def test_a_fault_that_is_no_rows_fails_the_backfill_and_leaves_quarantine_empty(
    database: str,
) -> None:
    """A trigger that names what is not there fails for every row: no row is to blame."""
    migration = numbers(database, "false")
    run(
        database,
        "CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM 1 FROM public.nowhere; RETURN new; END $$",
        "CREATE TRIGGER lost BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION lost()",
    )
    error = refusal(lambda: migrate(database, migration))
    assert (error.code, "42P01" in error.what) == ("statement_failed", True)
    assert _bad(database) == []


def test_no_batch_of_a_pass_meets_a_row_in_quarantine_again(database: str) -> None:
    """Known to fail, it is left out: later passes and the sweep halve nothing for it."""
    migration = numbers(database, "id = 4000")
    heard: list[Event] = []
    refusal(lambda: migrate(database, migration, emit=heard.append))
    found = next(i for i, event in enumerate(heard) if isinstance(event, RowQuarantined))
    begun = [event for event in heard[found:] if isinstance(event, BatchBegan)]
    failed = run(database, "SELECT count(*) FROM pgtide.quarantine WHERE tries > 1")
    assert failed == [(0,)]
    assert len(begun) > 10
    assert sum(isinstance(event, RowQuarantined) for event in heard) == 1
