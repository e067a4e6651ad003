"""Who comes while a backfill runs finds a core free, and waits for no log; until they go again."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from threading import Event as Signal
from threading import Lock

import psycopg
import pytest

from pgtide import Backfill
from pgtide.backfill import statements
from pgtide.backfill.crew import Crew
from pgtide.backfill.hands import Hands
from pgtide.backfill.spread import side_by_side, spread
from pgtide.backfill.throttle.wait import Worker
from pgtide.errors import Failed
from pgtide.events import BatchCommitted, Event
from pgtide.ledger.run import Caller, Run
from pgtide.ledger.slices import Kind, left, read
from pgtide.model.state import Phase
from pgtide.phases.cutting import cut_walk
from pgtide.phases.forward import forward, opened
from tests.alongside import alongside
from tests.driving import ACTOR, migrate, settings_for
from tests.scenarios.backends import wait_for_backend
from tests.small_table import run as ask
from tests.users import create_users, email_migration

# As on a server of two cores, whatever this machine has.
TWO = Hands(number=2, why="the test says so", cores=2)
# How old an answer to who is at work may be, and for how long who was is still counted.
STALE = 1.0
LATELY = 1.0
# What each batch commits under, as a trigger of the application's sees it.
NOTED = """
CREATE TABLE public.noted (n int GENERATED ALWAYS AS IDENTITY, setting text);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.noted (setting) VALUES (current_setting('synchronous_commit'));
    RETURN NULL;
END
$$;
CREATE TRIGGER note AFTER UPDATE ON public.users
FOR EACH STATEMENT EXECUTE FUNCTION public.note()
"""


@contextmanager
def somebody_at_work(url: str) -> Iterator[None]:
    """Have a session of an application's run a statement for as long as the block runs."""
    with (
        psycopg.connect(url, autocommit=True, application_name="shop") as connection,
        alongside(connection, "SELECT pg_sleep(600)"),
    ):
        wait_for_backend(url, "shop", event="PgSleep")
        yield


class Counter:
    """Count who has a turn at a time: a worker has one when it is asked before a batch."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = Lock()

    def __call__(self, _worker: Worker) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.02)
        with self._lock:
            self._now -= 1


@contextmanager
def cut(url: str) -> Iterator[Run]:
    create_users(url, rows=12_000)
    with opened(settings_for(url), Caller(actor=ACTOR), email_migration()) as run:
        forward(run, Phase.EXPAND)
        cut_walk(run, TWO)
        yield run


def walk(run: Run, crew: Crew) -> None:
    assert run.plan.backfill is not None
    works = partial(statements.filling, run.plan, run.plan.backfill)
    spread(crew, works, Kind.WALK, number=0, over=side_by_side, workers=2)


@pytest.mark.parametrize("beside", [False, True])
def test_so_many_fill_at_once_as_have_a_core(database: str, beside: bool) -> None:
    counter = Counter()
    with cut(database) as run, ExitStack() as stack:
        if beside:
            stack.enter_context(somebody_at_work(database))
        with Crew(run, TWO, counter) as crew:
            walk(run, crew)
        assert left(run.session, run.lease, Kind.WALK, round_=0) == 0
    assert counter.most == (1 if beside else 2)


def test_workers_take_turns_batch_by_batch(database: str) -> None:
    asked = list[Worker]()
    with cut(database) as run, somebody_at_work(database), Crew(run, TWO, asked.append) as crew:
        walk(run, crew)
    changes = sum(one is not other for one, other in pairwise(asked))
    # As long as both have something to do they alternate: all but the last slices of either.
    assert changes > len(asked) / 2


def test_who_waits_for_a_turn_hears_that_the_other_has_failed(database: str) -> None:
    error = Failed("no more", state="state", remedy="remedy")
    reached, waits = list[Worker](), Signal()

    def before(worker: Worker) -> None:
        reached.append(worker)
        waits.wait(10)
        raise error

    with cut(database) as run, somebody_at_work(database), Crew(run, TWO, before) as crew:
        assert run.plan.backfill is not None
        works = partial(statements.filling, run.plan, run.plan.backfill)
        one, *_, other = [piece.id for piece in read(run.session, run.lease, Kind.WALK)]
        with crew.round(2), ThreadPoolExecutor(2) as pool:
            both = [pool.submit(crew.fill, works, [piece]) for piece in (one, other)]
            time.sleep(0.5)
            waits.set()
            assert {one.exception(10) for one in both} == {error}
    assert len(reached) == 1


def test_a_batch_waits_for_its_log_from_when_somebody_comes_until_they_go(database: str) -> None:
    create_users(database, rows=30_000)
    ask(database, NOTED)
    migration = replace(email_migration(), backfill=Backfill(workers=1))
    migrate(database, migration, until=Phase.EXPAND)
    batches, beside = 0, ExitStack()

    def listen(event: Event) -> None:
        nonlocal batches
        if not isinstance(event, BatchCommitted):
            return
        batches += 1
        if batches == 5:
            beside.enter_context(somebody_at_work(database))
            time.sleep(STALE)
        if batches == 15:
            beside.close()
            time.sleep(LATELY + STALE)

    with beside:
        migrate(database, migration, until=Phase.BACKFILL, emit=listen)
    found = [setting for (setting,) in ask(database, "SELECT setting FROM public.noted ORDER BY n")]
    assert found[:5] == ["off"] * 5
    assert found[5:15] == ["local"] * 10
    assert len(found) > 20
    assert set(found[15:]) == {"off"}
