"""The way back from contract: to `verified` or to the start, byte for byte, with every write."""

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from pgtide.errors import LockNotAcquired, Refused
from pgtide.events import Listener
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from pgtide.phases import backward
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.later import contract, once, purge, to_verified
from tests.small_table import run
from tests.table_state import schema_dump
from tests.users import DEFAULTED, MIGRATION_ID, NULLABLE, REQUIRED, create_users, email_migration

pytestmark = pytest.mark.long

# Writes of three releases while the migration is contracted: by old, interim and final names.
WRITES = (
    "UPDATE public.users SET email_verified = true, verification_token = 'final' WHERE id = 30",
    "UPDATE public.users SET email_verified_v2 = true WHERE id = 60",
    "UPDATE public.users SET verification_token_v2 = 'interim' WHERE id = 60",
    "INSERT INTO public.users (id, email, email_verified) VALUES (90001, 'final', true)",
    "INSERT INTO public.users (id, email, email_verified_v2) VALUES (90002, 'interim', true)",
    "DELETE FROM public.users WHERE id = 90",
)
WRITTEN = (
    "SELECT id, email_verified, verification_token FROM public.users"
    " WHERE id IN (30, 60, 90, 90001, 90002) ORDER BY id"
)
KEPT = [
    (30, True, "final"),
    (60, True, "interim"),
    (90001, True, None),
    (90002, True, None),
]
STEPS = "SELECT name, state FROM pgtide.step ORDER BY ordinal"


@pytest.fixture
def users(database: str) -> str:
    """Give a database with the strategy's table."""
    create_users(database, rows=300)
    return database


def disagree(url: str) -> list[tuple[object, ...]]:
    return run(
        url,
        "SELECT id FROM public.users WHERE email_verified IS DISTINCT FROM email_verified_v2"
        " OR verification_token IS DISTINCT FROM verification_token_v2"
        " OR (email_verified IS TRUE) <> (verified_at IS NOT NULL)",
    )


def watched(url: str) -> Listener:
    """Return a listener that makes a view when an undo has looked what is in its way."""
    view = "CREATE VIEW public.watching AS SELECT verified_at FROM public.users"
    return once("undo.shape", lambda: run(url, view))


@pytest.mark.parametrize("kind", [NULLABLE, DEFAULTED, REQUIRED])
def test_undone_to_the_start_the_schema_is_what_it_was_and_every_write_is_kept(
    database: str, kind: str
) -> None:
    create_users(database, rows=300, kind=kind)
    before = schema_dump(database)
    migrate(database, email_migration())
    contract(database, MIGRATION_ID)
    run(database, *WRITES)
    assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
    assert schema_dump(database) == before
    assert run(database, WRITTEN) == KEPT
    archived = "SELECT count(*) FROM pgtide.archive WHERE \"values\" ? 'verified_at'"
    verified = "SELECT count(*) FROM public.users WHERE email_verified"
    assert run(database, archived) == run(database, verified)
    log = "SELECT status, rollback_available FROM pgtide.migration_log"
    assert run(database, log) == [("ROLLED_BACK", False)]


def test_undone_to_verified_both_shapes_stay_in_step_and_nothing_is_verified_again(
    users: str,
) -> None:
    migrate(users, email_migration())
    verified, proofs = schema_dump(users), "SELECT count(*), max(at) FROM pgtide.verification"
    [(_, at)] = run(users, proofs)
    contract(users, MIGRATION_ID)
    run(users, *WRITES)
    record = to_verified(users, MIGRATION_ID)
    assert (record.state, record.sweep_due) == (State.VERIFIED, False)
    assert schema_dump(users) == verified
    assert run(users, WRITTEN) == KEPT
    assert disagree(users) == []
    # The verdict is the one of before; it holds for the catalog as it is now.
    assert run(users, proofs) == [(2, at)]
    run(users, "UPDATE public.users SET email_verified_v2 = false WHERE id = 30")
    assert disagree(users) == []
    assert contract(users, MIGRATION_ID).state is State.CONTRACTED
    assert to_verified(users, MIGRATION_ID).state is State.VERIFIED
    assert schema_dump(users) == verified


def test_forward_again_all_the_way_after_an_undo_to_the_start(users: str) -> None:
    migrate(users, email_migration())
    contract(users, MIGRATION_ID)
    contracted = schema_dump(users)
    undo(users, MIGRATION_ID)
    migrate(users, email_migration())
    contract(users, MIGRATION_ID)
    assert schema_dump(users) == contracted
    assert purge(users, MIGRATION_ID).state is State.COMPLETED


def test_a_step_that_is_done_again_is_recorded_with_its_statements_of_then(users: str) -> None:
    migrate(users, email_migration())
    undo_sql = "SELECT undo_sql, undo_inside FROM pgtide.step WHERE name = 'contract.shape'"
    contract(users, MIGRATION_ID)
    first = run(users, undo_sql)
    to_verified(users, MIGRATION_ID)
    run(users, "COMMENT ON COLUMN public.users.email_verified IS 'new since'")
    shape = schema_dump(users)
    contract(users, MIGRATION_ID)
    comment = "COMMENT ON COLUMN"
    assert [[comment in str(text) for text in row] for row in first] == [[False, False]]
    again = run(users, undo_sql)
    assert [[comment in str(text) for text in row] for row in again] == [[True, True]]
    to_verified(users, MIGRATION_ID)
    assert schema_dump(users) == shape


def test_triggers_touched_while_contracted_cost_the_proof_when_it_is_undone(users: str) -> None:
    migrate(users, email_migration())
    contract(users, MIGRATION_ID)
    run(
        users,
        "ALTER TABLE public.users DISABLE TRIGGER USER",
        "UPDATE public.users SET email_verified = NOT email_verified WHERE id = 33",
        "ALTER TABLE public.users ENABLE TRIGGER USER",
    )
    record = to_verified(users, MIGRATION_ID)
    assert (record.state, record.sweep_due) == (State.BACKFILLED, True)
    assert migrate(users, email_migration()).state is State.VERIFIED
    assert disagree(users) == []
    assert contract(users, MIGRATION_ID).state is State.CONTRACTED


@pytest.mark.parametrize("until", [Phase.EXPAND, Phase.VERIFY])
def test_there_is_no_contract_to_undo_before_there_is_one(users: str, until: Phase) -> None:
    record = migrate(users, email_migration(), until=until)
    error = refusal(lambda: to_verified(users, MIGRATION_ID))
    assert isinstance(error, Refused)
    assert "no contract to undo" in error.what
    assert record_of(users, MIGRATION_ID).state is record.state


def test_an_undo_that_went_beyond_contract_does_not_stop_half_way(users: str) -> None:
    migrate(users, email_migration())
    contract(users, MIGRATION_ID)
    error = refusal(lambda: undo(users, MIGRATION_ID, emit=watched(users)))
    assert "view public.watching" in error.what
    assert error.remedy == "Drop or move that, then run `pgtide down 2.1.0` again."
    assert record_of(users, MIGRATION_ID).state is State.ROLLBACK_FAILED
    assert ("contract.shape", "undone") in run(users, STEPS)
    error = refusal(lambda: to_verified(users, MIGRATION_ID))
    assert isinstance(error, Refused)
    assert "undone altogether" in error.what
    run(users, "DROP VIEW public.watching")
    assert undo(users, MIGRATION_ID).state is State.ROLLED_BACK


@pytest.mark.parametrize(
    ("to", "command"),
    [
        (State.ROLLED_BACK, "pgtide down 2.1.0"),
        (State.VERIFIED, "pgtide down 2.1.0 --to verified"),
    ],
)
def test_an_undo_that_got_no_lock_says_how_it_goes_on(users: str, to: State, command: str) -> None:
    migrate(users, email_migration())
    record = contract(users, MIGRATION_ID)
    brief = replace(settings_for(users), lock_tries=1)
    caller = Caller(actor=ACTOR, heeds_hold=False)
    with psycopg.connect(users) as reader:
        reader.execute("SELECT count(*) FROM public.users")
        error = refusal(lambda: backward.undo(brief, caller, record, to=to))
    assert isinstance(error, LockNotAcquired)
    assert error.remedy.endswith(f"then run `{command}` again.")


@pytest.mark.parametrize("back", [undo, to_verified])
def test_a_way_back_that_a_write_has_given_up_is_refused(users: str, back: object) -> None:
    record = migrate(users, email_migration())
    contract(users, MIGRATION_ID)
    counter = f'pgtide."m_{record.plan.tag}_released"'
    run(users, f"CREATE SEQUENCE {counter}")
    assert to_verified(users, MIGRATION_ID).state is State.VERIFIED
    contract(users, MIGRATION_ID)
    run(users, f"SELECT nextval('{counter}')")
    contracted = schema_dump(users)
    error = refusal(lambda: back(users, MIGRATION_ID))  # type: ignore[operator]  # one of two
    assert isinstance(error, Refused)
    assert "1 writes since contract" in error.what
    assert record_of(users, MIGRATION_ID).state is State.CONTRACTED
    assert schema_dump(users) == contracted


def test_a_dropped_table_ends_its_contracted_migration(users: str) -> None:
    migrate(users, email_migration())
    contract(users, MIGRATION_ID)
    run(users, "DROP TABLE public.users")
    assert undo(users, MIGRATION_ID).state is State.ROLLED_BACK
    left = "SELECT relname FROM pg_class WHERE relname LIKE 'm\\_%'"
    assert run(users, left) == []


def test_an_undo_of_what_was_never_contracted_does_not_end_at_verified(users: str) -> None:
    migrate(users, email_migration(), until=Phase.EXPAND)
    refusal(lambda: undo(users, MIGRATION_ID, emit=watched(users)))
    assert record_of(users, MIGRATION_ID).state is State.ROLLBACK_FAILED
    run(
        users,
        "UPDATE pgtide.step SET state = 'done'",
        "DELETE FROM pgtide.step WHERE phase = 'rollback'",
    )
    assert "no contract to undo" in refusal(lambda: to_verified(users, MIGRATION_ID)).what


def test_psql_alone_undoes_a_contracted_migration(users: str) -> None:
    before = schema_dump(users)
    migrate(users, email_migration())
    contract(users, MIGRATION_ID)
    run(users, *WRITES)
    assert run(users, "SELECT pgtide.safe_rollback_migration('2.1.0')") == [(True,)]
    assert schema_dump(users) == before
    assert run(users, WRITTEN) == KEPT
    assert record_of(users, MIGRATION_ID).state is State.ROLLED_BACK


def by_psql(url: str, migration_id: str) -> None:
    version = record_of(url, migration_id).version
    assert run(url, f"SELECT pgtide.safe_rollback_migration('{version}')") == [(True,)]


@pytest.mark.parametrize("back", [undo, by_psql])
def test_a_write_that_went_past_the_triggers_is_archived_when_it_is_undone(
    users: str, back: Callable[[str, str], object]
) -> None:
    migrate(users, email_migration())
    contract(users, MIGRATION_ID)
    run(
        users,
        "ALTER TABLE public.users DISABLE TRIGGER USER",
        "UPDATE public.users SET verification_token = 'FINAL' WHERE id = 33",
        "ALTER TABLE public.users ENABLE TRIGGER USER",
    )
    back(users, MIGRATION_ID)
    kept = run(
        users,
        "SELECT \"values\" ->> 'verification_token_v2' FROM pgtide.archive"
        " WHERE key = '{\"id\": 33}'",
    )
    assert kept == [("FINAL",)]
