"""Declared statements: forward, killed in between, back; what cannot be undone says so."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from pgtide import AddColumn, Sql
from pgtide.errors import Failed, Refused
from pgtide.events import Event, WayBackClosed
from pgtide.model.state import Phase, State
from pgtide.operate.status import status_of
from pgtide.postgres.embedded import Server
from pgtide.postgres.session import connect
from tests.driving import migrate, plan_of, record_of, refusal, settings_for, undo
from tests.later import contract
from tests.scenarios.declared_sql import SHAPE, declared
from tests.server import fresh_database
from tests.small_table import SMALL_ID, create_small, run, small_migration

ROOT = Path(__file__).resolve().parents[2]
NUMBER = AddColumn("n", type="int", backfill="a")
FORGET = Sql(
    phase="finalize", up="UPDATE t SET a = 7 WHERE id = 1", irreversible="the old number is lost"
)


def create(url: str) -> str:
    create_small(url)
    run(url, "CREATE INDEX t_old ON public.t (a)")
    return url


def labels() -> list[str]:
    """The events of the declared steps: acted, and acted and written down."""
    names = ("expand.sql.1", *(f"finalize.sql.{number}" for number in range(2, 7)))
    return [at for name in names for at in (f"StatementEnded:{name}:0", f"StepEnded:{name}")]


@pytest.fixture(scope="module")
def courses(server: Server) -> Iterator[tuple[list[object], list[object]]]:
    """The table's shape before, and after an undisturbed run."""
    with fresh_database(server) as url:
        create(url)
        before = run(url, SHAPE)
        assert migrate(url, declared()).state is State.VERIFIED
        yield list(before), list(run(url, SHAPE))


def test_declared_statements_have_their_effect_and_lose_it_again(
    database: str, courses: tuple[list[object], list[object]]
) -> None:
    before, after = courses
    create(database)
    migrate(database, declared())
    text = "\n".join(str(line) for line in after)
    for sign in ("t_a true UNIQUE", "positive true", "view doubled", "column n"):
        assert sign in text
    assert "t_old" not in text
    assert run(database, SHAPE) == after
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert run(database, SHAPE) == before
    assert migrate(database, declared()).state is State.VERIFIED
    assert run(database, SHAPE) == after


@pytest.mark.parametrize("at", labels())
@pytest.mark.wide
def test_killed_at_any_event_it_goes_on_and_can_go_back(
    database: str, courses: tuple[list[object], list[object]], at: str
) -> None:
    before, after = courses
    create(database)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.scenarios.killed_sql", database, at],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -9, killed.stdout + killed.stderr
    assert killed.stdout.splitlines()[-1] == at
    assert migrate(database, declared()).state is State.VERIFIED
    assert run(database, SHAPE) == after
    undo(database, SMALL_ID)
    assert run(database, SHAPE) == before


def test_killed_in_a_concurrent_build_it_builds_again(
    database: str, courses: tuple[list[object], list[object]]
) -> None:
    create(database)
    migrate(database, declared(), until=Phase.BACKFILL)
    with psycopg.connect(database) as writer:
        writer.execute("UPDATE public.t SET a = a WHERE id = 3")
        command = [sys.executable, "-m", "tests.scenarios.killed_sql", database, "never"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as killed:
            try:
                wait_for_half_built(database)
            finally:
                killed.kill()
        run(
            database,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE query LIKE 'CREATE UNIQUE%'",
        )
    [(valid,)] = run(
        database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.t_a'::regclass"
    )
    assert not valid
    assert migrate(database, declared()).state is State.VERIFIED
    assert run(database, SHAPE) == courses[1]


def wait_for_half_built(url: str) -> None:
    pause = threading.Event()
    for _ in range(600):
        found = run(
            url,
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE%'"
            " AND wait_event_type = 'Lock'",
        )
        if found:
            return
        pause.wait(0.05)
    raise AssertionError(run(url, "SELECT query, wait_event_type, state FROM pg_stat_activity"))


def test_an_index_that_a_killed_undo_left_half_built_is_built_again(
    database: str, courses: tuple[list[object], list[object]]
) -> None:
    create(database)
    migrate(database, declared())
    run(
        database,
        "CREATE INDEX t_old ON public.t (a)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.t_old'::regclass",
    )
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert run(database, SHAPE) == courses[0]


def test_finalize_done_again_leaves_renamed_indexes_alone(database: str) -> None:
    """USING INDEX gives the index the constraint's name: it must not be built a second time."""
    create_small(database)
    migration = small_migration(
        Sql(
            phase="finalize",
            up="CREATE UNIQUE INDEX CONCURRENTLY t_a ON public.t (a)",
            down="DROP INDEX CONCURRENTLY IF EXISTS public.t_a",
        ),
        Sql(
            phase="finalize",
            up="ALTER TABLE t ADD CONSTRAINT t_unique UNIQUE USING INDEX t_a",
            down="ALTER TABLE t DROP CONSTRAINT t_unique",
        ),
    )
    migrate(database, migration)
    before = run(database, SHAPE)
    assert "t_unique" in str(before)
    run(database, f"UPDATE pgtide.migration SET state = 'finalizing' WHERE id = '{SMALL_ID}'")
    assert migrate(database, migration).state is State.VERIFIED
    assert run(database, SHAPE) == before


def test_a_statement_that_fails_leaves_nothing_and_can_be_tried_again(database: str) -> None:
    create_small(database)
    migration = small_migration(
        NUMBER, Sql(phase="finalize", up="CREATE VIEW w AS SELECT a FROM u", down="DROP VIEW w")
    )
    error = refusal(lambda: migrate(database, migration))
    assert 'relation "u" does not exist' in error.what
    assert record_of(database, SMALL_ID).state is State.FAILED
    run(database, "CREATE TABLE public.u (a int)")
    assert migrate(database, migration).state is State.VERIFIED
    undo(database, SMALL_ID)
    assert run(database, "SELECT to_regclass('public.w')") == [(None,)]


def test_a_statement_that_nothing_can_take_back_closes_the_way_back(database: str) -> None:
    create_small(database)
    heard: list[Event] = []
    migration = small_migration(NUMBER, FORGET)
    plan = plan_of(database, migration)
    said = "finalize.sql.1 cannot be undone, and from it on nor can the migration: the old number"
    assert any(said in note for note in plan.notes)
    migrate(database, migration, until=Phase.BACKFILL)
    assert available(database)
    record = migrate(database, migration, emit=heard.append)
    assert [event for event in heard if isinstance(event, WayBackClosed)] == [
        WayBackClosed(step="finalize.sql.1", reason="the old number is lost")
    ]
    assert not available(database)
    error = refusal(lambda: undo(database, SMALL_ID))
    assert isinstance(error, Refused)
    assert "finalize.sql.1: the old number is lost" in error.what
    assert record_of(database, SMALL_ID).state is record.state is State.VERIFIED
    with connect(database, purpose="test") as session:
        assert not status_of(session, settings_for(database), record).rollback_available
    assert run(database, "SELECT a FROM public.t WHERE id = 1") == [(7,)]


def test_before_such_a_statement_the_way_back_is_open(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER, FORGET), until=Phase.BACKFILL)
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK


def test_resuming_expand_does_not_reopen_the_way_back(database: str) -> None:
    create_small(database)
    migration = small_migration(NUMBER, replace(FORGET, phase="expand"))
    migrate(database, migration, until=Phase.EXPAND)
    assert not available(database)
    run(database, f"UPDATE pgtide.migration SET state = 'expanding' WHERE id = '{SMALL_ID}'")
    migrate(database, migration, until=Phase.EXPAND)
    assert not available(database)


def available(url: str) -> bool:
    [(found,)] = run(url, "SELECT rollback_available FROM pgtide.migration_log")
    return bool(found)


def test_a_statement_that_touches_what_keeps_rows_in_step_is_rolled_back(database: str) -> None:
    create_small(database)
    up = "ALTER TABLE t ALTER n SET DEFAULT 3"
    migration = small_migration(NUMBER, Sql(phase="finalize", up=up, down=""))
    error = refusal(lambda: migrate(database, migration))
    assert isinstance(error, Failed)
    assert "finalize.sql.1 changes the triggers, functions or columns" in error.what
    assert run(database, "SELECT FROM pg_attrdef WHERE adrelid = 'public.t'::regclass") == []
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK


@pytest.mark.parametrize("phase", ["expand", "finalize", "contract"])
def test_a_rewrite_that_was_accepted_is_in_the_plan_and_in_nobodys_way(
    database: str, phase: Literal["expand", "finalize", "contract"]
) -> None:
    """It was taken for somebody's reaching for the triggers: the table's file had changed."""
    create_small(database)
    declared = Sql(
        phase=phase,
        up="ALTER TABLE t ALTER id TYPE bigint",
        down="ALTER TABLE t ALTER id TYPE int",
        accept={"changing-column-type": "the table is small"},
    )
    migration = small_migration(NUMBER, declared)
    plan = plan_of(database, migration)
    steps = (*plan.expand, *plan.finalize, *plan.contract_sql)
    [statement] = [one for step in steps for one in step.statements if "bigint" in one.sql]
    assert statement.rewrites
    before = run(database, SHAPE)
    file = run(database, "SELECT pg_relation_filenode('public.t')")
    assert migrate(database, migration).state is State.VERIFIED
    if phase == "contract":
        contract(database, SMALL_ID)
    assert run(database, "SELECT pg_relation_filenode('public.t')") != file
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert run(database, SHAPE) == before


def test_a_statement_waits_for_its_lock_as_every_other(database: str) -> None:
    create_small(database)
    up = "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID"
    down = "ALTER TABLE t DROP CONSTRAINT positive"
    migration = small_migration(Sql(phase="finalize", up=up, down=down))
    with psycopg.connect(database) as reader:
        reader.execute("SELECT FROM public.t")
        settings = replace(settings_for(database), lock_tries=2)
        error = refusal(lambda: migrate(database, migration, settings=settings))
    assert error.code == "lock_not_acquired"
    assert migrate(database, migration).state is State.VERIFIED
