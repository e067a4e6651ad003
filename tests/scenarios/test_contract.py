"""Contract: the final names for the new columns, once, and never on a proof that has gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgtide import AddColumn
from pgtide.errors import AwaitingApproval, LockNotAcquired, Refused, Waiting
from pgtide.events import Event, LockWaited
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate
from pgtide.model.state import Phase, State
from pgtide.phases.begun import begun
from pgtide.phases.contract import Contracting
from pgtide.phases.contract import contract as carry_out
from tests.driving import ACTOR, migrate, record_of, refusal
from tests.later import HURRY, RELEASE, approve, contract, later_settings, once, to_verified
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.table_state import schema_dump
from tests.users import MIGRATION_ID, create_users, email_migration

# What somebody may do to a trigger and undo again, leaving no trace but in the catalog's own rows.
TOUCH = (
    "ALTER TABLE public.users DISABLE TRIGGER USER",
    "ALTER TABLE public.users ENABLE TRIGGER USER",
)
WRITE_PAST = (
    TOUCH[0],
    "UPDATE public.users SET email_verified = NOT email_verified WHERE id = 33",
    TOUCH[1],
)
NUMBERS = (
    "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE NOT attisdropped"
    " AND attrelid = 'public.users'::regclass AND attname LIKE 'email\\_verified%'"
)
VALUES = "SELECT email_verified, email_verified_v2 FROM public.users WHERE id = 33"
_LONG = 5
LOG = "SELECT status, rollback_available, error_message FROM pgtide.migration_log"


def events(url: str, kind: str) -> list[dict[str, object]]:
    found = run(url, f"SELECT detail FROM pgtide.event WHERE kind = '{kind}' ORDER BY id")
    return [row[0] for row in found]  # type: ignore[misc]  # a JSON column


@contextmanager
def reading(url: str) -> Iterator[psycopg.Connection]:
    """Hold the table as a report does, to the end of the block."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT count(*) FROM public.users")
        yield connection
        connection.rollback()


def test_the_new_columns_have_the_final_names_and_every_name_reads_the_same(verified: str) -> None:
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED
    run(
        verified,
        "INSERT INTO public.users (id, email, email_verified) VALUES (90001, 'final', true)",
        "INSERT INTO public.users (id, email, email_verified_v2) VALUES (90002, 'interim', true)",
        "UPDATE public.users SET email_verified_v2 = NOT email_verified WHERE id < 100",
        "UPDATE public.users SET verification_token = 'final' WHERE id > 800",
    )
    apart = (
        "SELECT count(*) FROM public.users WHERE email_verified IS DISTINCT FROM email_verified_v2"
        " OR verification_token IS DISTINCT FROM verification_token_v2"
        " OR (email_verified IS TRUE) <> (verified_at IS NOT NULL)"
    )
    assert run(verified, apart) == [(0,)]
    assert run(verified, NUMBERS) == [(["email_verified_v2", "email_verified"],)]
    assert run(verified, LOG) == [("SUCCESS", True, None)]
    assert events(verified, "contracted") == [{"release": RELEASE, "renamed": True}]


@pytest.mark.parametrize("release", ["2.1.0", "2.1.9", "2.2.0-rc.1", "2.2", "", "latest"])
def test_a_release_that_contract_does_not_belong_to_is_refused(verified: str, release: str) -> None:
    before = schema_dump(verified)
    error = refusal(lambda: contract(verified, MIGRATION_ID, release=release))
    assert isinstance(error, Refused)
    assert (release or "''") in error.what
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED
    assert schema_dump(verified) == before


@pytest.mark.parametrize("until", [Phase.EXPAND, Phase.BACKFILL, Phase.FINALIZE])
def test_contract_begins_where_a_migration_is_verified_and_nowhere_else(
    database: str, until: Phase
) -> None:
    create_users(database, rows=50)
    record = migrate(database, email_migration(), until=until)
    with begun(later_settings(database), Caller(actor=ACTOR), record) as held:
        error = refusal(lambda: carry_out(held, Contracting(release=RELEASE, hurry=HURRY)))
    assert isinstance(error, Refused)
    assert f"is {record.state}" in error.what
    assert record_of(database, MIGRATION_ID).state is record.state


def test_contract_waits_for_the_end_of_the_soak_unless_there_is_a_reason(verified: str) -> None:
    error = refusal(lambda: contract(verified, MIGRATION_ID, hurry=None))
    assert isinstance(error, Waiting)
    [(ends,)] = run(
        verified,
        "SELECT to_char(max(at) + interval '24 h', 'YYYY-MM-DD HH24:MI') FROM pgtide.verification",
    )
    assert str(ends) in error.what
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED
    assert events(verified, "not_awaited") == []
    contract(verified, MIGRATION_ID, hurry="the fair opens tomorrow")
    [noted] = events(verified, "not_awaited")
    assert (noted["what"], noted["reason"]) == ("soak", "the fair opens tomorrow")


def test_contract_needs_no_reason_once_the_soak_is_over(verified: str) -> None:
    run(verified, "UPDATE pgtide.verification SET at = at - interval '25 h'")
    assert contract(verified, MIGRATION_ID, hurry=None).state is State.CONTRACTED
    assert events(verified, "not_awaited") == []


def test_contract_waits_until_a_person_has_approved_it(verified: str) -> None:
    record = record_of(verified, MIGRATION_ID)
    with begun(later_settings(verified), Caller(actor=ACTOR), record) as held:
        error = refusal(lambda: carry_out(held, Contracting(release=RELEASE, hurry=HURRY)))
    assert isinstance(error, AwaitingApproval)
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED


def test_contract_takes_a_backup_and_does_nothing_without_one(
    verified: str, tmp_path: Path
) -> None:
    before = schema_dump(verified)
    without = replace(later_settings(verified), postgres_bin=tmp_path / "nowhere")
    error = refusal(lambda: contract(verified, MIGRATION_ID, settings=without))
    assert isinstance(error, Refused)
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED
    assert schema_dump(verified) == before
    contract(verified, MIGRATION_ID)
    assert run(verified, "SELECT state FROM pgtide.backup") == [("passed",)]


@pytest.mark.parametrize("deed", [TOUCH, WRITE_PAST])
def test_triggers_touched_since_verification_send_it_back_to_the_sweep(
    verified: str, deed: tuple[str, ...]
) -> None:
    run(verified, *deed)
    before = schema_dump(verified)
    error = refusal(lambda: contract(verified, MIGRATION_ID))
    assert (error.exit_code, "cannot be contracted" in error.what) == (2, True)
    record = record_of(verified, MIGRATION_ID)
    assert (record.state, record.sweep_due) == (State.BACKFILLED, True)
    assert schema_dump(verified) == before
    assert run(verified, "SELECT count(*) FROM pgtide.backup") == [(0,)]
    assert run(verified, LOG)[0][:2] == ("FAILED", True)
    again = migrate(verified, email_migration())
    assert (again.state, again.sweep_due) == (State.VERIFIED, False)
    [(old, new)] = run(verified, VALUES)
    assert old == new
    assert run(verified, LOG)[0][:2] == ("SUCCESS", True)
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED


@pytest.mark.parametrize("deed", [TOUCH, WRITE_PAST])
def test_triggers_touched_while_contract_waits_for_its_lock_are_seen_under_it(
    verified: str, deed: tuple[str, ...]
) -> None:
    touch = once("contract.shape", lambda: run(verified, *deed))
    error = refusal(lambda: contract(verified, MIGRATION_ID, emit=touch))
    assert error.exit_code == 2
    record = record_of(verified, MIGRATION_ID)
    assert (record.state, record.sweep_due) == (State.BACKFILLED, True)
    assert run(verified, NUMBERS) == [(["email_verified", "email_verified_v2"],)]
    assert migrate(verified, email_migration()).state is State.VERIFIED
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED


def test_triggers_touched_where_no_name_changes_are_seen_under_the_lock_too(database: str) -> None:
    create_small(database)
    added = AddColumn(
        "c", type="int", backfill="a + 1", on_write="a + 1", verify="c IS NOT DISTINCT FROM a + 1"
    )
    migrate(database, small_migration(added))
    deed = (
        "ALTER TABLE public.t DISABLE TRIGGER USER",
        "UPDATE public.t SET a = a + 5 WHERE id = 3",
        "ALTER TABLE public.t ENABLE TRIGGER USER",
    )
    touch = once("contract.shape", lambda: run(database, *deed))
    assert refusal(lambda: contract(database, SMALL_ID, emit=touch)).exit_code == 2
    assert record_of(database, SMALL_ID).state is State.BACKFILLED
    assert migrate(database, small_migration(added)).state is State.VERIFIED
    assert contract(database, SMALL_ID).state is State.CONTRACTED
    assert run(database, "SELECT c - a FROM public.t WHERE id = 3") == [(1,)]
    assert to_verified(database, SMALL_ID).state is State.VERIFIED


def test_a_rewritten_table_is_verified_again(verified: str) -> None:
    run(verified, "VACUUM FULL public.users")
    assert refusal(lambda: contract(verified, MIGRATION_ID)).exit_code == 2
    migrate(verified, email_migration())
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED


def test_what_is_hung_on_a_column_while_contract_waits_goes_with_the_name(verified: str) -> None:
    comment = "COMMENT ON COLUMN public.users.email_verified IS 'came late'"
    contract(verified, MIGRATION_ID, emit=once("contract.shape", lambda: run(verified, comment)))
    found = run(
        verified,
        "SELECT attname::text, col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = 'public.users'::regclass AND attname LIKE 'email\\_verified%'"
        " ORDER BY attname",
    )
    assert ("email_verified", "came late") in found


def test_contract_outlasts_a_reader_that_is_longer_than_many_tries(verified: str) -> None:
    tries: list[LockWaited] = []
    with reading(verified) as reader:

        def listen(event: Event) -> None:
            if isinstance(event, LockWaited):
                tries.append(event)
            if len(tries) == _LONG:
                reader.rollback()

        assert contract(verified, MIGRATION_ID, emit=listen).state is State.CONTRACTED
    assert [one.attempt for one in tries] == list(range(1, _LONG + 1))
    assert "count(*)" in tries[0].blockers[0]


def test_a_contract_that_gave_up_is_gone_on_with_or_taken_back(verified: str) -> None:
    shape, brief = schema_dump(verified), replace(later_settings(verified), lock_tries=1)
    for go_on in (False, True):
        with reading(verified):
            error = refusal(lambda: contract(verified, MIGRATION_ID, settings=brief))
        assert isinstance(error, LockNotAcquired)
        assert error.remedy.endswith("then run `pgtide contract 2.1.0 --release V` again.")
        record = record_of(verified, MIGRATION_ID)
        assert (record.state, record.resume_to) == (State.FAILED, State.CONTRACTING)
        assert schema_dump(verified) == shape
        assert run(verified, LOG)[0][:2] == ("FAILED", True)
        if go_on:
            # No soak any more: it was over, or did not count, when it began.
            record = contract(verified, MIGRATION_ID, hurry=None)
            assert record.state is State.CONTRACTED
        else:
            assert to_verified(verified, MIGRATION_ID).state is State.VERIFIED
            assert schema_dump(verified) == shape
        assert run(verified, LOG) == [("SUCCESS", True, None)]


@pytest.mark.parametrize("aside", [State.FAILED, State.PAUSED])
def test_triggers_touched_after_a_contract_that_was_left_send_it_back_all_the_same(
    verified: str, aside: State
) -> None:
    brief = replace(later_settings(verified), lock_tries=1)
    with reading(verified):
        assert isinstance(
            refusal(lambda: contract(verified, MIGRATION_ID, settings=brief)), LockNotAcquired
        )
    by = "'operator'" if aside is State.PAUSED else "NULL"
    run(
        verified,
        f"UPDATE pgtide.migration SET state = '{aside}', paused_by = {by}",
        *WRITE_PAST,
    )
    error = refusal(lambda: contract(verified, MIGRATION_ID))
    assert (error.exit_code, "cannot be contracted" in error.what) == (2, True)
    record = record_of(verified, MIGRATION_ID)
    assert (record.state, record.resume_to) == (State.BACKFILLED, None)
    assert record.sweep_due
    ended = "SELECT state FROM pgtide.phase WHERE phase = 'contract'"
    assert run(verified, ended) == [("failed",)]
    assert migrate(verified, email_migration()).state is State.VERIFIED
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED
    [(old, new)] = run(verified, VALUES)
    assert old == new


def test_a_hold_keeps_contract_from_beginning(verified: str) -> None:
    approve(verified, MIGRATION_ID, Gate.CONTRACT)
    run(
        verified,
        "INSERT INTO pgtide.control (migration_id, hold, reason, by)"
        f" VALUES ('{MIGRATION_ID}', true, 'rush hour', 'ann')",
    )
    error = refusal(lambda: contract(verified, MIGRATION_ID))
    assert isinstance(error, Waiting)
    assert "rush hour" in error.what
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED
