"""A crew of workers: those that wait for one begin nothing once another has failed."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest

from pgtide.backfill import statements
from pgtide.backfill.crew import Crew
from pgtide.backfill.hands import Hands
from pgtide.backfill.throttle.wait import Worker
from pgtide.errors import Failed
from pgtide.ledger import slices
from pgtide.ledger.run import Caller
from pgtide.ledger.slices import Kind
from pgtide.model.state import Phase
from pgtide.phases.cutting import cut_walk
from pgtide.phases.forward import forward, opened
from tests.driving import ACTOR, settings_for
from tests.users import create_users, email_migration


class Yielding(SimpleQueue[Any]):
    """Let who waits run before who gives: the thread switch at its worst moment."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        time.sleep(0.2)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_waited_for_a_worker_begins_no_batch_after_another_has_failed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgtide.backfill.crew.SimpleQueue", Yielding)
    create_users(database, rows=12_000)
    error = Failed("no more", state="state", remedy="remedy")
    reached, waits = list[Worker](), Event()

    def before(worker: Worker) -> None:
        reached.append(worker)
        waits.wait(10)
        raise error

    caller = Caller(actor=ACTOR)
    with opened(settings_for(database), caller, email_migration()) as run:
        forward(run, Phase.EXPAND)
        cut_walk(run, Hands(number=2, why="the test says so"))
        pieces = slices.read(run.session, run.lease, Kind.WALK)
        assert run.plan.backfill is not None
        works = partial(statements.filling, run.plan, run.plan.backfill)
        assert len(pieces) > 1
        asked = list[int]()

        def fill(crew: Crew, piece: int) -> int:
            asked.append(piece)
            return crew.fill(works, [piece])

        with Crew(run, 1, before) as crew, ThreadPoolExecutor(2) as pool:
            first = pool.submit(fill, crew, pieces[0].id)
            eventually(lambda: len(reached) == 1)
            second = pool.submit(fill, crew, pieces[-1].id)
            eventually(lambda: len(asked) == 2)
            waits.set()
            assert first.exception(10) is error
            assert second.exception(10) is error
    assert len(reached) == 1
