"""Rows that others keep locked hold the backfill: it says who, and goes on when they are free."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle

import psycopg
import pytest

from pgtide import AddColumn
from pgtide.backfill.locked import UNTOLD
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import LockNotAcquired, Waiting
from pgtide.events import BatchBegan, BatchRetried, Event, ThrottleEnded, ThrottleHeld
from pgtide.ledger.run import Caller
from pgtide.ledger.slices import Kind
from pgtide.ledger.throttled import Throttled
from pgtide.model.state import Phase, State
from pgtide.model.throttle import LOCKS
from pgtide.operate.hold import pause
from pgtide.phases import backward
from pgtide.postgres.session import connect
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.holding import ending, filling, told, waits
from tests.roles import temporary_role
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.throttling import session, wait_for

MIGRATION = small_migration(AddColumn("n", type="int", backfill="a"))
ROW = "UPDATE public.t SET n = 777 WHERE id = 9"
# What fills nothing: else the first that commits would have done the work.
BUSY = "SELECT FROM public.t WHERE id = 9 FOR UPDATE"
TABLE = "LOCK TABLE public.t IN SHARE MODE"


def cost(url: str) -> Throttled:
    [found] = [one for one in told(url, SMALL_ID).throttled if one.signal == LOCKS]
    return found


@pytest.fixture
def expanded(database: str) -> str:
    create_small(database)
    migrate(database, MIGRATION, until=Phase.EXPAND)
    return database


@pytest.mark.parametrize("statement", [ROW, TABLE])
def test_what_is_kept_locked_holds_and_is_named_until_it_is_free(
    expanded: str, statement: str
) -> None:
    events = list[Event]()
    with (
        session(expanded, "BEGIN", statement) as keeper,
        filling(expanded, MIGRATION, events) as filled,
    ):
        with ending(keeper):
            [reason] = wait_for(lambda: waits(expanded, SMALL_ID), "the hold")
        assert f"pid {keeper.info.backend_pid} (" in reason
        assert "shop" in reason
        assert statement[:6] not in reason, "a statement may hold what nobody else is to see"
        assert filled.result(60).state is State.VERIFIED
    [held] = [event for event in events if isinstance(event, ThrottleHeld)]
    [ended] = [event for event in events if isinstance(event, ThrottleEnded)]
    assert (held.signal, ended.signal) == (LOCKS, LOCKS)
    assert ended.seconds > (held.value or 0.0) > 0
    assert len([event for event in events if isinstance(event, BatchRetried)]) == UNTOLD - 1
    assert waits(expanded, SMALL_ID) == []
    assert (cost(expanded).held_since, cost(expanded).holds) == (None, 1)
    wrong = "SELECT id, n FROM public.t WHERE n IS DISTINCT FROM a"
    assert run(expanded, wrong) == ([(9, 777)] if statement == ROW else [])


@pytest.mark.untouched
def test_who_may_have_it_is_named_too_where_the_role_does_not_see_since_when(database: str) -> None:
    create_small(database)
    with temporary_role(database) as (role, address):
        name = database.rpartition("/")[2]
        for grant in (f"DATABASE {name}", "SCHEMA public"):
            run(database, f"GRANT ALL ON {grant} TO {role}")
        run(database, f"ALTER TABLE public.t OWNER TO {role}")
        migrate(address, MIGRATION, until=Phase.EXPAND)
        with session(database, "BEGIN", ROW) as keeper, filling(address, MIGRATION, []) as filled:
            pid = keeper.info.backend_pid
            with ending(keeper):
                [reason] = wait_for(lambda: waits(database, SMALL_ID), "the hold")
            assert filled.result(60).state is State.VERIFIED
        assert f"pid {pid} (" in reason
        assert " s)" not in reason, "nobody knows for how long"


def test_a_held_batch_hears_a_pause(expanded: str) -> None:
    with (
        session(expanded, "BEGIN", ROW) as keeper,
        filling(expanded, MIGRATION, []) as filled,
        ending(keeper),
        connect(expanded, purpose="test") as asking,
    ):
        wait_for(lambda: waits(expanded, SMALL_ID), "the hold")
        pause(asking, record_of(expanded, SMALL_ID), by=ACTOR, reason="the test says so")
        assert isinstance(filled.exception(10), Waiting)
    assert cost(expanded).held_since is None


def test_one_short_lock_after_another_is_nobodys(expanded: str) -> None:
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool, filling(expanded, MIGRATION, []) as filled:
        hot = pool.submit(contended, expanded, over)
        try:
            [reason] = wait_for(lambda: waits(expanded, SMALL_ID), "the hold")
        finally:
            over.set()
        hot.result(10)
        assert "one short transaction after another" in reason
        assert filled.result(60).state is State.VERIFIED


def test_an_undo_says_at_once_who_is_in_the_way(expanded: str) -> None:
    migrate(expanded, MIGRATION)
    # No pauses: an undo tries thirty times before it gives up.
    clock = replace(SYSTEM_CLOCK, chance=lambda: 0.0)
    with session(expanded, "BEGIN") as keeper, ThreadPoolExecutor(1) as pool, ending(keeper):

        def listen(event: Event) -> None:
            # The application's write has archived the row itself, and has not ended.
            if isinstance(event, BatchBegan) and event.kind is Kind.ARCHIVE:
                keeper.execute(ROW.encode())

        caller = Caller(actor=ACTOR, heeds_hold=False, clock=clock, emit=listen)
        record = record_of(expanded, SMALL_ID)
        undoing = pool.submit(backward.undo, settings_for(expanded), caller, record)
        error = undoing.exception(30)
        assert isinstance(error, LockNotAcquired)
        assert f"pid {keeper.info.backend_pid} (" in error.what
    assert undo(expanded, SMALL_ID).state is State.ROLLED_BACK
    archived = "SELECT \"values\" FROM pgtide.archive WHERE key ->> 'id' = '9'"
    assert run(expanded, archived) == [({"n": 777},)]


def test_a_run_that_is_not_to_wait_ends_with_the_names(expanded: str) -> None:
    hurried = replace(settings_for(expanded), throttle_off=frozenset({LOCKS}), batch_retries=3)
    with session(expanded, "BEGIN", ROW) as keeper:
        error = refusal(lambda: migrate(expanded, MIGRATION, settings=hurried))
        assert isinstance(error, LockNotAcquired)
        assert "at each of 3 tries in " in error.what
        assert f"pid {keeper.info.backend_pid} (" in error.what
    assert told(expanded, SMALL_ID).throttled == ()


def contended(url: str, over: threading.Event) -> None:
    """Keep a row locked by two sessions in turns: the other has it as soon as one lets go."""
    with psycopg.connect(url) as one, psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
        one.execute(BUSY)
        for has, wants in cycle([(one, other), (other, one)]):
            queued = pool.submit(wants.execute, BUSY)
            ended = over.wait(0.3)
            has.commit()
            queued.result(10)
            if ended:
                return
