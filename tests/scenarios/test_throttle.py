"""A backfill that holds by itself: seen everywhere, stopped at once, over when all is well."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg
import pytest

from pgtide import AddColumn, Backfill, HoldWhile, Migration, Throttle
from pgtide.backfill.throttle.reading import Held
from pgtide.errors import Interrupted, Refused, Waiting
from pgtide.events import BatchCommitted, Event, ThrottleEnded, ThrottleHeld
from pgtide.ledger import throttled
from pgtide.ledger.lease import Lease
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from pgtide.operate import history, hold
from pgtide.operate.status import MigrationStatus, status_now
from pgtide.phases.forward import forward, opened
from pgtide.phases.preflight import warnings
from pgtide.phases.target import target_table
from pgtide.postgres.embedded import Server
from pgtide.postgres.session import connect
from tests.driving import ACTOR, migrate, plan_of, record_of, refusal, undo
from tests.roles import temporary_role
from tests.small_table import SMALL_ID, create_small, small_migration
from tests.small_table import run as act
from tests.standby import running_standby
from tests.throttling import quick, wait_for

GATE = HoldWhile("SELECT shut FROM public.gate", name="gate")


@dataclass(kw_only=True)
class Working:
    """A backfill at work in a thread, and what it told."""

    url: str
    heard: list[Event] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    shut: bool = False
    done: Future[Record] = field(default_factory=Future)

    def hear(self, event: Event) -> None:
        """Take an event in; the first batch shuts the gate, if it is to."""
        self.heard.append(event)
        if self.shut and isinstance(event, BatchCommitted):
            self.shut = False
            act(self.url, "UPDATE public.gate SET shut = true")
            # Several looks: the batch is over only then.
            time.sleep(0.5)

    def told(self, kind: type[Event]) -> list[Event]:
        """Return the events of one kind so far."""
        return [one for one in list(self.heard) if isinstance(one, kind)]

    def status(self) -> MigrationStatus:
        """Return the status as of now."""
        with connect(self.url, purpose="test") as session:
            return status_now(session, quick(self.url), SMALL_ID)


@pytest.fixture
def table(database: str) -> str:
    create_small(database)
    act(database, "CREATE TABLE public.gate (shut bool)", "INSERT INTO public.gate VALUES (true)")
    return database


def held_by(throttle: Throttle) -> Migration:
    change = AddColumn("b", type="int", backfill="a", verify="b = a")
    return replace(small_migration(change), backfill=Backfill(throttle=throttle))


@contextmanager
def filling(url: str, throttle: Throttle | None = None, *, shut: bool = False) -> Iterator[Working]:
    """Fill the small table in a thread, until it is held; `shut` shuts the gate on the way."""
    working = Working(url=url, shut=shut)
    migration = held_by(throttle or Throttle(hold_while=(GATE,)))

    def work() -> Record:
        caller = Caller(actor=ACTOR, emit=working.hear, stop=working.stop)
        with opened(quick(url), caller, migration) as run:
            forward(run, Phase.BACKFILL)
        return record_of(url, SMALL_ID)

    with ThreadPoolExecutor(1) as pool:
        working.done = pool.submit(work)
        try:
            wait_for(lambda: working.told(ThrottleHeld) or working.done.done(), "the hold")
            yield working
        finally:
            working.stop.set()


def open_gate(url: str) -> None:
    act(url, "UPDATE public.gate SET shut = false")


def test_a_held_backfill_writes_nothing_and_ends_by_itself_once_all_is_well(table: str) -> None:
    with filling(table) as working:
        held = working.told(ThrottleHeld)
        assert held == [
            ThrottleHeld(signal="gate", reason="gate says true", value=None, limit=None)
        ]
        time.sleep(0.3)
        assert working.told(BatchCommitted) == []
        open_gate(table)
        assert working.done.result(timeout=20).state is State.BACKFILLED
        [ended] = working.told(ThrottleEnded)
        assert isinstance(ended, ThrottleEnded)
        assert ended.seconds > 0.3
    assert act(table, "SELECT count(*) FROM public.t WHERE b = a") == [(500,)]


def test_status_and_history_name_the_signal_with_value_and_limit(table: str) -> None:
    asked = HoldWhile("SELECT 3 * shut::int FROM public.gate", above=2, name="queue")
    with filling(table, Throttle(hold_while=(asked,))) as working:
        now = working.status()
        assert [(one.kind, one.text) for one in now.waiting_for] == [
            ("throttle", "the database to be well: queue says 3, limit 2")
        ]
        [held] = now.throttled
        assert (held.signal, held.value, held.limit, held.holds) == ("queue", 3.0, 2.0, 1)
        assert held.held_since is not None
        open_gate(table)
        working.done.result(timeout=20)
        after = working.status()
        assert after.waiting_for == ()
        assert after.throttled[0].held_since is None
        assert after.throttled[0].seconds > 0
    with connect(table, purpose="test") as session:
        lines = [one.text for one in history.lines(session, SMALL_ID)]
    assert "held back by queue: queue says 3, limit 2" in lines
    assert any(one.startswith("queue holds it back no more, after ") for one in lines)


def test_an_operators_hold_ends_a_held_run_within_two_seconds_and_is_told_apart(table: str) -> None:
    with filling(table) as working:
        begun = time.monotonic()
        with connect(table, purpose="test") as session:
            hold.pause(session, record_of(table, SMALL_ID), by="ann", reason="lunch")
        with pytest.raises(Waiting, match="operator ann holds it: lunch"):
            working.done.result(timeout=20)
        assert time.monotonic() - begun < 2
        paused = working.status()
        assert [one.kind for one in paused.waiting_for] == ["hold"]
        assert paused.throttled[0].held_since is None


def test_an_interrupt_ends_a_held_run_within_two_seconds(table: str) -> None:
    with filling(table) as working:
        begun = time.monotonic()
        working.stop.set()
        with pytest.raises(Interrupted):
            working.done.result(timeout=20)
        assert time.monotonic() - begun < 2


def test_the_time_held_counts_for_the_end_that_is_foretold(table: str) -> None:
    # Twenty blocks and more: several batches.
    act(table, "ALTER TABLE public.t SET (fillfactor = 10)", "VACUUM FULL public.t")
    open_gate(table)
    with filling(table, shut=True) as working:
        assert len(working.told(BatchCommitted)) == 1
        first, at = working.status(), time.monotonic()
        time.sleep(0.5)
        later, waited = working.status(), time.monotonic() - at
        assert first.eta_high is not None
        assert later.eta_high is not None
        assert first.percent == later.percent
        assert (later.eta_high - first.eta_high).total_seconds() > waited


def test_two_processes_that_hold_for_one_reason_count_the_time_once(table: str) -> None:
    with filling(table) as working, connect(table, purpose="test") as session:
        begun = time.monotonic()
        who = session.row("SELECT id AS run_id, token, attempt FROM pgtide.run") or {}
        lease = Lease(migration_id=SMALL_ID, actor=ACTOR, **who)
        for _ in range(20):
            throttled.hold(session, lease, "gate", Held(reason="gate says true"))
            time.sleep(0.02)
        [noted] = working.status().throttled
        assert noted.holds == 1
        # Somewhat more, as it began before the test saw it.
        assert noted.seconds < 1.5 * (time.monotonic() - begun) + 0.5
    with connect(table, purpose="test") as session:
        kinds = [one.kind for one in history.lines(session, SMALL_ID)]
    assert kinds.count("throttled") == 1


def test_a_run_that_was_taken_over_notes_no_hold(table: str) -> None:
    with filling(table) as working, connect(table, purpose="test") as session:
        open_gate(table)
        working.done.result(timeout=20)
        stale = Lease(migration_id=SMALL_ID, run_id=1, token=0, attempt=1, actor=ACTOR)
        throttled.hold(session, stale, "gate", Held(reason="gate says true"))
        assert working.status().throttled[0].held_since is None


def test_a_replica_that_lags_holds_the_backfill_and_never_verification_or_undo(
    server: Server, table: str
) -> None:
    with running_standby(server) as standby:
        wait_for(lambda: act(table, STREAMING) == [(1,)], "the replica")
        migration = held_by(Throttle(replica_bytes="60kB"))
        migrate(table, migration, until=Phase.BACKFILL, settings=quick(table))
        act(standby.url, "SELECT pg_wal_replay_pause()")
        act(table, "CREATE TABLE public.more AS SELECT generate_series(1, 9000) AS g")
        assert migrate(table, migration, settings=quick(table)).state is State.VERIFIED
        assert undo(table, SMALL_ID).state is State.ROLLED_BACK
        with filling(table, Throttle(replica_bytes="60kB")) as working:
            assert working.told(BatchCommitted) == []
            [held] = working.told(ThrottleHeld)
            assert isinstance(held, ThrottleHeld)
            assert held.signal == "replica_bytes"
            act(standby.url, "SELECT pg_wal_replay_resume()")
            assert working.done.result(timeout=20).state is State.BACKFILLED


STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


def test_a_query_that_cannot_be_asked_is_refused_before_anything_changes(table: str) -> None:
    wrong = held_by(Throttle(hold_while=(HoldWhile("SELECT count(*) FROM backlog", above=1),)))
    error = refusal(lambda: plan_of(table, wrong))
    assert isinstance(error, Refused)
    assert "The throttle's query 1 cannot be read" in error.what
    assert 'relation "backlog" does not exist' in error.what


@pytest.mark.untouched
def test_the_plan_warns_of_a_signal_that_this_role_may_not_see(table: str) -> None:
    watched = held_by(Throttle(active_sessions=50))
    with temporary_role(table) as (name, url), psycopg.connect(table):
        for grant in (
            f"GRANT CREATE ON SCHEMA public TO {name}",
            f"ALTER TABLE public.t OWNER TO {name}",
            f"GRANT CREATE ON DATABASE {table.rpartition('/')[2]} TO {name}",
        ):
            act(table, grant)
        plan = plan_of(url, watched)
        with connect(url, purpose="test") as session:
            said = warnings(session, plan, target_table(session, watched.table_name))
    assert any("cannot read active_sessions: " in one for one in said), said
