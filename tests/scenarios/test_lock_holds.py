"""A hold at locks from its beginning to whatever end it has; and what goes on beside it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import psycopg
import pytest

from pgtide import AddColumn, Backfill
from pgtide.backfill import statements
from pgtide.backfill.crew import Crew
from pgtide.backfill.hands import Hands
from pgtide.backfill.lock_hold import LockHold
from pgtide.backfill.spread import side_by_side, spread
from pgtide.backfill.throttle.wait import Worker as Asking
from pgtide.events import (
    BatchBegan,
    Event,
    Listener,
    RowQuarantined,
    ThrottleEnded,
    ThrottleHeld,
)
from pgtide.ledger import throttled
from pgtide.ledger.joined import joined
from pgtide.ledger.run import Caller
from pgtide.ledger.slices import Kind
from pgtide.ledger.worker import Worker
from pgtide.model.state import Phase, State
from pgtide.phases.cutting import cut_walk
from pgtide.phases.forward import forward, opened
from pgtide.phases.join import join
from tests.driving import ACTOR, migrate, record_of, settings_for
from tests.holding import ending, filling, waits
from tests.parted import PARTED_ID, create_orders, orders_migration
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.throttling import session, wait_for
from tests.users import MIGRATION_ID, create_users, email_migration

MIGRATION = small_migration(AddColumn("n", type="int", backfill="a"))
KEEP = "SELECT FROM public.{table} WHERE id = {id} FOR UPDATE"
ROW = KEEP.format(table="t", id=9)
UNFILLED = (
    "SELECT DISTINCT s.ordinal FROM public.users u JOIN pgtide.slice s"
    " ON s.kind = 'walk' AND (u.ctid::text::point)[0] >= s.first_block"
    " AND (u.ctid::text::point)[0] < coalesce(s.end_block, 1000000)"
    " WHERE u.email_verified_v2 IS NULL AND u.email_verified IS NOT NULL ORDER BY 1"
)


def holds(events: list[Event]) -> list[ThrottleHeld | ThrottleEnded]:
    return [event for event in events if isinstance(event, ThrottleHeld | ThrottleEnded)]


def held(events: list[Event]) -> list[ThrottleHeld]:
    return [event for event in events if isinstance(event, ThrottleHeld)]


def ended(events: list[Event]) -> list[ThrottleEnded]:
    return [event for event in events if isinstance(event, ThrottleEnded)]


def standing(worker: Worker) -> list[str]:
    found = throttled.read(worker.session, MIGRATION_ID, fresh=10)
    return [one.reason for one in found if one.held_since is not None]


def audited(url: str) -> list[str]:
    kinds = "SELECT kind FROM pgtide.event WHERE kind LIKE 'throttle%' ORDER BY id"
    return [str(kind) for (kind,) in run(url, kinds)]


class Acting(list[Event]):
    """Keep events, and act at the first that is meant."""

    def __init__(self, meant: Callable[[Event], bool], act: Callable[[], object]) -> None:
        super().__init__()
        self._meant = meant
        self._act = act
        self._acted = False

    def append(self, event: Event) -> None:
        super().append(event)
        if not self._acted and self._meant(event):
            self._acted = True
            self._act()


@contextmanager
def crew_of_two(url: str, emit: Listener) -> Iterator[tuple[Worker, Worker]]:
    """Lend two workers that have filled a table between them, and are idle."""
    seen = dict[int, Worker]()

    def before(worker: Asking) -> None:
        assert isinstance(worker, Worker)
        seen[worker.id] = worker
        time.sleep(0.02)

    two = Hands(number=2, why="the test says so")
    with opened(settings_for(url), Caller(actor=ACTOR, emit=emit), email_migration()) as at_work:
        forward(at_work, Phase.EXPAND)
        cut_walk(at_work, two)
        assert at_work.plan.backfill is not None
        works = partial(statements.filling, at_work.plan, at_work.plan.backfill)
        with Crew(at_work, two, before) as crew:
            spread(crew, works, Kind.WALK, number=0, over=side_by_side, workers=2)
            one, other = seen.values()
            yield one, other


def test_two_workers_that_are_held_are_told_of_once_until_both_are_free(database: str) -> None:
    create_users(database, rows=12_000)
    events, hold = list[Event](), LockHold()
    with crew_of_two(database, events.append) as (one, other):
        hold.hold(one, "by ann", named=["ann"], seconds=3.0)
        hold.hold(other, "by ann", named=["ann"], seconds=1.0)
        hold.hold(one, "by ann, still", named=["ann"], seconds=4.0)
        hold.hold(one, "by bob now", named=["bob"], seconds=5.0)
        assert [one.reason for one in held(events)] == ["by ann", "by bob now"]
        hold.let_go(one, ends=False)
        assert ended(events) == []
        assert standing(one) == ["by bob now"]
        hold.let_go(other, ends=False)
        [end] = ended(events)
        assert end.seconds >= 3.0
        assert standing(one) == []
        hold.hold(other, "by ann again", named=["ann"], seconds=1.0)
        hold.let_go(other, ends=True)
        assert ended(events) == [end], "of a run that ends all is told"
        assert standing(one) == []
    assert audited(database) == ["throttled", "throttle_ended", "throttled"]


def test_all_else_is_filled_before_a_worker_stays_at_a_locked_row(database: str) -> None:
    create_users(database, rows=30_000)
    migration = replace(email_migration(), backfill=Backfill(workers=1))
    migrate(database, migration, until=Phase.EXPAND)
    with (
        session(database, "BEGIN", KEEP.format(table="users", id=3)) as keeper,
        filling(database, migration, []) as done,
    ):
        with ending(keeper):
            wait_for(lambda: waits(database, MIGRATION_ID), "the hold")
            assert run(database, UNFILLED) == [(0,)]
            assert run(database, "SELECT count(*) > 1 FROM pgtide.slice") == [(True,)]
        assert done.result(60).state is State.VERIFIED


def test_who_has_joined_comes_back_to_a_locked_row_with_the_same_worker(database: str) -> None:
    create_users(database, rows=30_000)
    migration = replace(email_migration(), backfill=Backfill(workers=1))
    migrate(database, migration, until=Phase.EXPAND)

    def help_out() -> int:
        record, caller = record_of(database, MIGRATION_ID), Caller(actor="helper")
        with joined(settings_for(database), caller, record) as beside:
            return join(beside)

    keep = [KEEP.format(table="users", id=one) for one in (3, 89_988)]
    with (
        session(database, "BEGIN", *keep) as keeper,
        filling(database, migration, []) as done,
        ThreadPoolExecutor(1) as pool,
        ending(keeper),
    ):
        wait_for(lambda: waits(database, MIGRATION_ID), "the hold")
        # The run stays at one of the rows; the other is all that is left for who joins.
        helped = pool.submit(help_out)
        time.sleep(12)
        assert run(database, "SELECT count(*) FROM pgtide.worker") == [(2,)]
        keeper.execute("COMMIT")
        assert done.result(60).state is State.VERIFIED
        assert helped.result(30) >= 0


def test_a_hold_ends_with_the_slice_that_is_cut_anew(database: str) -> None:
    create_small(database)
    migrate(database, MIGRATION, until=Phase.EXPAND)
    events = list[Event]()
    with session(database, "BEGIN", ROW) as keeper, filling(database, MIGRATION, events) as done:
        with ending(keeper):
            wait_for(lambda: waits(database, SMALL_ID), "the hold")
            keeper.execute("CLUSTER public.t USING t_pkey")
        assert done.result(60).state is State.VERIFIED
    assert [type(one) for one in holds(events)] == [ThrottleHeld, ThrottleEnded]
    assert audited(database) == ["throttled", "throttle_ended"]
    assert run(database, "SELECT count(*) FROM pgtide.event WHERE kind = 'table_rewritten'") == [
        (1,)
    ]


@pytest.mark.parametrize("kind", [Kind.WALK, Kind.SWEEP])
def test_a_table_that_somebody_has_for_themselves_is_waited_for(database: str, kind: Kind) -> None:
    """Whose size cannot even be looked at meanwhile, as an open end asks."""
    create_small(database)
    migrate(database, MIGRATION, until=Phase.EXPAND)
    with session(database, "BEGIN") as keeper:

        def lock() -> None:
            keeper.execute("LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE")

        events = Acting(lambda one: isinstance(one, BatchBegan) and one.kind == kind, lock)
        with filling(database, MIGRATION, events) as done:
            with ending(keeper):
                [reason] = wait_for(lambda: waits(database, SMALL_ID), "the hold")
                assert f"pid {keeper.info.backend_pid} (" in reason
                # Longer than any session of ours waits for a lock by itself.
                with pytest.raises(TimeoutError):
                    done.result(6)
            assert done.result(60).state is State.VERIFIED


def test_a_row_that_cannot_be_filled_is_put_aside_beside_one_that_is_locked(database: str) -> None:
    create_small(database)
    migration = small_migration(AddColumn("n", type="int", backfill="1000 / (a - 5)"))
    migrate(database, migration, until=Phase.EXPAND)
    events = list[Event]()
    with (
        session(database, "BEGIN", ROW) as keeper,
        filling(database, migration, events, until=Phase.BACKFILL) as done,
    ):
        with ending(keeper):
            [reason] = wait_for(lambda: waits(database, SMALL_ID), "the hold")
            assert f"pid {keeper.info.backend_pid} (" in reason
        assert done.exception(60) is not None
    assert sum(isinstance(one, RowQuarantined) for one in events) == 1
    assert [type(one) for one in holds(events)] == [ThrottleHeld, ThrottleEnded]
    wrong = "SELECT id FROM public.t WHERE n IS DISTINCT FROM 1000 / nullif(a - 5, 0) OR a = 5"
    assert run(database, wrong) == [(5,)]


def test_who_has_it_after_another_is_named_in_turn(database: str) -> None:
    create_small(database)
    migrate(database, MIGRATION, until=Phase.EXPAND)
    with (
        session(database, "BEGIN", ROW) as first,
        session(database) as second,
        filling(database, MIGRATION, []) as done,
        ending(second, first),
    ):
        wait_for(lambda: waits(database, SMALL_ID), "the hold")
        # Another row of the same batch, and later than its first try.
        second.execute("BEGIN")
        second.execute(KEEP.format(table="t", id=10).encode())
        first.execute("COMMIT")
        left = f"may be locked by pid {second.info.backend_pid} ("
        wait_for(lambda: left in str(waits(database, SMALL_ID)), "the next")
        second.execute("COMMIT")
        assert done.result(60).state is State.VERIFIED


def test_a_forgotten_prepared_transaction_is_named(database: str) -> None:
    create_small(database)
    migrate(database, MIGRATION, until=Phase.EXPAND)
    with psycopg.connect(database) as keeper:
        keeper.execute(ROW.encode())
        keeper.execute("PREPARE TRANSACTION 'forgotten'")
    with filling(database, MIGRATION, []) as done:
        try:
            reason = wait_for(
                lambda: [one for one in waits(database, SMALL_ID) if "forgotten" in one], "its name"
            )
            assert "prepared transaction 'forgotten'" in reason[0]
        finally:
            run_alone(database, "COMMIT PREPARED 'forgotten'")
        assert done.result(60).state is State.VERIFIED


def test_who_has_locked_the_root_alone_is_named_at_a_leaf(database: str) -> None:
    create_orders(database)
    migration = replace(orders_migration(), backfill=Backfill(workers=1))
    migrate(database, migration, until=Phase.EXPAND)
    with session(database, "BEGIN") as keeper:

        def lock() -> None:
            keeper.execute("LOCK TABLE ONLY public.orders IN ACCESS EXCLUSIVE MODE")

        events = Acting(lambda one: isinstance(one, BatchBegan), lock)
        with filling(database, migration, events, until=Phase.BACKFILL) as done:
            with ending(keeper):
                [reason] = wait_for(lambda: waits(database, PARTED_ID), "the hold")
                assert f"pid {keeper.info.backend_pid} (" in reason
            assert done.exception(60) is None


def run_alone(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
