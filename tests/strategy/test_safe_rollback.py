"""The strategy's safe_rollback_migration: its name, its words, its statuses, and a real undo."""

import json
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from pgtide.ledger.schema import install
from pgtide.model.state import TRANSITIONS, State
from pgtide.postgres.session import connect
from pgtide.sql import script
from tests.driving import migrate, record_of, settings_for
from tests.later import contract, later_settings, purge
from tests.psql import psql, undo_from_psql
from tests.roles import temporary_role
from tests.small_table import run
from tests.table_state import schema_dump
from tests.users import MIGRATION_ID, create_users, email_migration

LOG = "SELECT status, rollback_available FROM {schema}.migration_log ORDER BY id"


@pytest.mark.untouched
@pytest.mark.parametrize("schema", ["pgtide", "public"])
def test_it_is_in_the_ledgers_schema_and_beside_the_log(database: str, schema: str) -> None:
    create_users(database, rows=500)
    shape = schema_dump(database)
    settings = replace(settings_for(database), log_schema=schema)
    for place in {"pgtide", schema}:
        migrate(database, email_migration(), settings=settings)
        assert undo_from_psql(database, schema=place).undone
        assert schema_dump(database) == shape
    log = run(database, LOG.format(schema=schema))
    assert set(log) == {("ROLLED_BACK", False)}
    elsewhere = run(database, "SELECT to_regclass('pgtide.migration_log') IS NULL")
    assert elsewhere == [(schema != "pgtide",)]


@pytest.mark.untouched
def test_a_log_beside_the_ledger_is_kept_through_contract_and_its_undo(database: str) -> None:
    create_users(database, rows=500)
    shape, log = schema_dump(database), LOG.format(schema="public")
    settings = replace(later_settings(database), log_schema="public")
    migrate(database, email_migration(), settings=settings)
    contract(database, MIGRATION_ID, settings=settings)
    assert run(database, log) == [("SUCCESS", True)]
    run(database, "UPDATE public.users SET email_verified = true WHERE id = 33")
    run(database, "CREATE VIEW public.late AS SELECT verified_at FROM public.users")
    refused = undo_from_psql(database, schema="public")
    assert (refused.undone, "view public.late" in refused.said) == (False, True)
    assert run(database, log) == [("SUCCESS", True)]
    assert record_of(database, MIGRATION_ID).state is State.CONTRACTED
    run(database, "DROP VIEW public.late")
    assert undo_from_psql(database, schema="public").undone
    assert schema_dump(database) == shape
    assert run(database, "SELECT email_verified FROM public.users WHERE id = 33") == [(True,)]
    assert run(database, log) == [("ROLLED_BACK", False)]
    migrate(database, email_migration(), settings=settings)
    contract(database, MIGRATION_ID, settings=settings)
    purge(database, MIGRATION_ID, settings=settings)
    assert run(database, log) == [("ROLLED_BACK", False), ("SUCCESS", False)]
    gone = undo_from_psql(database, schema="public")
    assert (gone.value, "the old columns are gone" in gone.said) == ("", True)
    assert run(database, "SELECT to_regclass('pgtide.migration_log') IS NULL") == [(True,)]


@pytest.mark.parametrize("version", ["9.9.9", "2.1.0'; DROP TABLE users; --", ""])
def test_an_unknown_version_is_refused_in_the_strategys_words(verified: str, version: str) -> None:
    with (
        psycopg.connect(verified) as session,
        pytest.raises(psycopg.errors.RaiseException) as raised,
    ):
        session.execute("SELECT pgtide.safe_rollback_migration(%s)", [version])
    assert f"Migration {version} not found or rollback not available" in str(raised.value)
    assert "knows no migration of this version" in str(raised.value)
    assert record_of(verified, MIGRATION_ID).state is State.VERIFIED


def test_a_second_undo_is_refused(verified: str) -> None:
    assert undo_from_psql(verified).undone
    again = undo_from_psql(verified)
    assert (again.value, "nothing of it is on the table" in again.said) == ("", True)
    assert run(verified, LOG.format(schema="pgtide")) == [("ROLLED_BACK", False)]


def standing() -> list[tuple[State, State | None]]:
    resting = {State.PAUSED, State.FAILED}
    remembered = [s for s in TRANSITIONS[State.FAILED] if s is not State.ROLLING_BACK]
    return [(s, None) for s in State if s not in resting] + [
        (s, other) for s in sorted(resting) for other in remembered
    ]


@pytest.mark.wide
@pytest.mark.parametrize(("state", "resume_to"), standing())
def test_it_begins_wherever_pgtide_down_may(
    verified: str, state: State, resume_to: State | None
) -> None:
    """But not where purge began: that may have dropped what an undo needs."""
    by = "operator" if state is State.PAUSED else None
    run(
        verified,
        sql.SQL("UPDATE pgtide.migration SET state = {}, resume_to = {}, paused_by = {}")
        .format(*map(sql.Literal, (state, resume_to, by)))
        .as_string(None),
    )
    there = schema_dump(verified)
    answer = undo_from_psql(verified)
    undoable = State.ROLLING_BACK in TRANSITIONS[state] or state is State.ROLLING_BACK
    assert answer.value == ("t" if undoable and resume_to is not State.PURGING else ""), answer
    assert (schema_dump(verified) == there) is (answer.value == "")


def test_it_is_refused_once_the_way_back_was_released(verified: str) -> None:
    tag = plan_tag(verified)
    run(verified, f"CREATE SEQUENCE pgtide.m_{tag}_released")
    there = schema_dump(verified)
    run(verified, f"SELECT nextval('pgtide.m_{tag}_released')")
    answer = undo_from_psql(verified)
    assert (answer.value, "the way back was released: 1 writes" in answer.said) == ("", True)
    assert schema_dump(verified) == there
    run(verified, f"SELECT setval('pgtide.m_{tag}_released', 1, false)")
    assert undo_from_psql(verified).undone


def plan_tag(url: str) -> str:
    return record_of(url, MIGRATION_ID).plan.tag


def test_the_log_follows_from_failure_to_success(verified: str) -> None:
    run(verified, "CREATE VIEW public.report AS SELECT verified_at FROM public.users")
    assert not undo_from_psql(verified).undone
    assert run(verified, LOG.format(schema="pgtide")) == [("ROLLBACK_FAILED", True)]
    run(verified, "DROP VIEW public.report")
    assert undo_from_psql(verified).undone
    log = run(
        verified, "SELECT status, rollback_available, error_message FROM pgtide.migration_log"
    )
    assert log == [("ROLLED_BACK", False, None)]
    migrate(verified, email_migration())
    assert [row[0] for row in run(verified, LOG.format(schema="pgtide"))] == [
        "ROLLED_BACK",
        "SUCCESS",
    ]


def test_the_audit_says_who(verified: str) -> None:
    assert undo_from_psql(verified).undone
    rows = run(
        verified,
        "SELECT e.kind, e.actor, r.outcome FROM pgtide.event e JOIN pgtide.run r ON r.id = e.run_id"
        " WHERE e.actor = session_user ORDER BY e.id",
    )
    kinds = ["run_began", "phase_began", "taken_back", "phase_ended"]
    assert rows == [(kind, "postgres", "ended") for kind in kinds]


def test_a_second_undo_counts_for_the_second_attempt(verified: str) -> None:
    for attempt in (1, 2):
        assert undo_from_psql(verified).undone
        newest = "SELECT attempt FROM pgtide.run ORDER BY id DESC LIMIT 1"
        assert run(verified, newest) == [(attempt,)]
        migrate(verified, email_migration())


def test_what_only_looks_is_open_to_whoever_contracts_and_what_acts_is_not(verified: str) -> None:
    allowed = (
        "SELECT proname FROM pg_proc WHERE pronamespace = 'pgtide'::regnamespace"
        " AND proname LIKE 'undo%' AND has_function_privilege('public', oid, 'EXECUTE')"
    )
    names = {row[0] for row in run(verified, allowed)}
    assert names >= {"undo_hanging", "undo_touched", "undo_dependents", "undo_own", "undo_what"}
    assert not names & {"undo", "undo_execute", "undo_table", "undo_fence", "undo_begin"}


def test_nobody_may_call_it_unasked(verified: str) -> None:
    with temporary_role(verified) as (_, url):
        for call in ("safe_rollback_migration('2.1.0')", "undo('2.1.0')", "undo_find('2.1.0')"):
            answer = psql(url, f"SELECT pgtide.{call}")
            assert (answer.value, "permission denied for function" in answer.said) == ("", True)


def test_a_snapshot_that_hides_later_writes_is_refused(verified: str) -> None:
    with psycopg.connect(verified) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.errors.RaiseException, match="READ COMMITTED"):
            session.execute("SELECT pgtide.safe_rollback_migration('2.1.0')")


def test_the_callers_own_settings_come_back(verified: str) -> None:
    with psycopg.connect(verified) as session:
        session.execute("SET LOCAL lock_timeout = '7s'")
        session.execute("SET LOCAL deadlock_timeout = '3s'")
        session.execute("SELECT pgtide.safe_rollback_migration('2.1.0')")
        found = session.execute(
            "SELECT current_setting('lock_timeout'), current_setting('deadlock_timeout'),"
            " current_setting('role'), current_setting('TimeZone') <> '' , current_user"
        ).fetchone()
    assert found == ("7s", "3s", "none", True, "postgres")


def test_a_newer_pgtide_makes_it_anew(verified: str) -> None:
    age = "SELECT xmin::text FROM pg_proc WHERE oid = 'pgtide.undo(text)'::regprocedure"

    def installed() -> object:
        with connect(verified, purpose="test") as session:
            install(session, log_schema="pgtide")
        return run(verified, age)

    first = installed()
    assert installed() == first
    run(verified, "COMMENT ON FUNCTION pgtide.undo(text) IS 'of an older pgtide'")
    assert installed() != first


def test_every_recorded_undo_can_run_in_a_transaction(verified: str) -> None:
    recorded = run(verified, "SELECT undo_sql, undo_inside FROM pgtide.step ORDER BY ordinal")
    lists = [(json.loads(str(outside)), json.loads(str(inside))) for outside, inside in recorded]
    assert any("CONCURRENTLY" in text for outside, _ in lists for text in outside)
    assert not [text for _, inside in lists for text in inside if "CONCURRENTLY" in text]
    assert [len(outside) for outside, _ in lists] == [len(inside) for _, inside in lists]


def test_what_an_older_pgtide_recorded_is_rewritten_by_the_upgrade(verified: str) -> None:
    recorded = "SELECT undo_inside FROM pgtide.step ORDER BY ordinal"
    now = run(verified, recorded)
    [upgrade] = [text for text in script("ledger_003").split(";") if "UPDATE pgtide.step" in text]
    run(verified, "UPDATE pgtide.step SET undo_inside = undo_sql")
    assert run(verified, recorded) != now
    run(verified, upgrade)
    assert run(verified, recorded) == now
