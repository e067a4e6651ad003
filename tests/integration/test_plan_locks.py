"""The plan's word on locks is true: every statement is held open and pg_locks is read."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgtide.changes.archive_trigger import capture
from pgtide.model.plan import Plan
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from tests.driving import migrate, plan_of
from tests.server import fresh_database
from tests.users import create_users, email_migration

# From weak to strong, as the manual's table of conflicts has them.
STRENGTH = list(Lock)
OBSERVED = "observed"
# Since then the server looks a table up under a lock to write its privileges down; before, under
# none. The plan names the stronger.
SINCE_18 = 180000
_PRIVILEGES = ("GRANT ", "REVOKE ")


@pytest.fixture(scope="module")
def planned(server: object) -> Iterator[tuple[str, Plan]]:
    """A table whose migration was undone by nobody: its ledger is there, the table is as before."""
    with fresh_database(server) as url:  # type: ignore[arg-type]  # the fixture of conftest
        create_users(url, rows=200)
        yield url, migrate(url, email_migration(), until=Phase.EXPAND).plan


def strongest(connection: psycopg.Connection, oid: int, pid: int) -> Lock:
    rows = connection.execute(
        "SELECT mode FROM pg_locks WHERE locktype = 'relation' AND relation = %s AND pid = %s"
        " AND granted",
        (oid, pid),
    ).fetchall()
    return max((Lock(row[0]) for row in rows), key=STRENGTH.index, default=Lock.NONE)


def held_by(url: str, oid: int, text: str) -> Lock:
    """Run a statement in a transaction of its own, see what it holds, and commit."""
    with psycopg.connect(url) as session:
        session.execute(text.encode())
        lock = strongest(session, oid, session.info.backend_pid)
        session.commit()
    return lock


_BUSY = "UPDATE public.users SET name = name WHERE id = 3"


def held_apart(url: str, oid: int, text: str, *, busy: str = _BUSY) -> Lock:
    """Run a statement that allows no transaction, stopped half way by a writer, and see."""
    with psycopg.connect(url) as writer:
        writer.execute(busy.encode())
        with psycopg.connect(url, autocommit=True) as watcher, running(url, text):
            wait_until(watcher, "SELECT wait_event_type = 'Lock' FROM pg_stat_activity", OBSERVED)
            [row] = watcher.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = %s", (OBSERVED,)
            ).fetchall()
            lock = strongest(watcher, oid, row[0])
            writer.rollback()
    return lock


@contextmanager
def running(url: str, text: str) -> Iterator[None]:
    def work() -> None:
        address = make_conninfo(url, application_name=OBSERVED)
        with psycopg.connect(address, autocommit=True) as session:
            session.execute(text.encode())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def wait_until(watcher: psycopg.Connection, query: str, name: str) -> None:
    watcher.execute("SET statement_timeout = '20s'")
    watcher.execute(
        f"DO $$ BEGIN WHILE NOT coalesce(({query} WHERE application_name = '{name}'), false)"
        " LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $$".encode()
    )


def check(url: str, plan: Plan, step: Step, hold: Callable[[str, int, str], Lock]) -> list[str]:
    """Return where the plan's word and the server's differ."""
    return [
        problem
        for one in step.statements
        for problem in differing(url, one.sql, hold(url, plan.table_oid, one.sql), named=one.lock)
    ]


def differing(url: str, text: str, found: Lock, *, named: str) -> list[str]:
    """Return what is wrong with the lock that the plan names for a statement."""
    if named == Lock.ACCESS_SHARE and text.startswith(_PRIVILEGES) and version_of(url) < SINCE_18:
        named = Lock.NONE
    return [] if found == named else [f"{text[:90]} ... holds {found}, the plan says {named}"]


def version_of(url: str) -> int:
    with psycopg.connect(url) as session:
        return session.info.server_version


@pytest.mark.untouched
def test_every_statement_of_expand_and_of_its_undo_holds_the_lock_it_names(database: str) -> None:
    create_users(database, rows=200)
    with psycopg.connect(database, autocommit=True) as connection:
        # A grant on a column is redone for the new one: it is a statement of the plan, too.
        connection.execute("GRANT UPDATE (email_verified) ON public.users TO pg_monitor")
        connection.execute("CREATE SCHEMA pgtide")
    plan = plan_of(database, email_migration())
    [step] = plan.expand
    assert check(database, plan, step, held_by) == []
    assert {s.lock for s in step.statements} >= {
        Lock.NONE,
        Lock.SHARE_ROW_EXCLUSIVE,
        Lock.ACCESS_EXCLUSIVE,
    }
    undone = [held_by(database, plan.table_oid, text) for text in step.undo]
    assert max(undone, key=STRENGTH.index) is Lock.ACCESS_EXCLUSIVE
    assert [lock for lock in undone if lock not in {Lock.NONE, Lock.ACCESS_EXCLUSIVE}] == []


def test_every_statement_of_finalize_and_of_its_undo_holds_the_lock_it_names(
    planned: tuple[str, Plan],
) -> None:
    url, plan = planned
    builds = [step for step in plan.finalize if step.undo]
    others = [step for step in plan.finalize if not step.undo]
    assert builds
    assert others
    for step in builds:
        assert check(url, plan, step, held_apart) == []
        for text in step.undo:
            assert held_apart(url, plan.table_oid, text) is Lock.SHARE_UPDATE_EXCLUSIVE
    for step in others:
        assert check(url, plan, step, held_by) == []


def test_the_trigger_of_a_rollback_holds_the_lock_it_names(planned: tuple[str, Plan]) -> None:
    url, plan = planned
    assert plan.archive is not None
    step = capture(plan, plan.archive, attempt=1)
    assert check(url, plan, step, held_by) == []
    for text in step.undo:
        held_by(url, plan.table_oid, text)


def test_a_wrong_word_would_be_found(planned: tuple[str, Plan]) -> None:
    url, plan = planned
    wrong = Statement(sql="LOCK TABLE public.users IN SHARE MODE", lock=Lock.NONE, why="a test")
    step = Step(name="wrong", phase=Phase.EXPAND, statements=(wrong,), present="")
    [problem] = check(url, plan, step, held_by)
    assert "holds ShareLock, the plan says none" in problem
