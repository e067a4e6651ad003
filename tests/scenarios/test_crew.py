"""A crew of workers: who waits for one, and who goes on, after another has ended its round."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest

from pgtide.backfill import statements
from pgtide.backfill.crew import Crew
from pgtide.backfill.hands import Hands
from pgtide.backfill.mishaps import Rewritten
from pgtide.backfill.throttle.wait import Worker
from pgtide.errors import Failed
from pgtide.ledger import claims, slices
from pgtide.ledger.run import Caller
from pgtide.ledger.slices import Kind
from pgtide.model.state import Phase
from pgtide.phases.cutting import cut_walk
from pgtide.phases.forward import forward, opened
from pgtide.postgres.embedded import Server
from tests import small_table
from tests.driving import ACTOR, migrate, settings_for
from tests.users import create_users, email_migration

HANDS = Hands(number=2, why="the test says so")
# Nobody has told their processes yet.
END_WORKERS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'pgtide worker %.%'"
)


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
        cut_walk(run, HANDS)
        pieces = slices.read(run.session, run.lease, Kind.WALK)
        assert run.plan.backfill is not None
        works = partial(statements.filling, run.plan, run.plan.backfill)
        assert len(pieces) > 1
        asked = list[int]()

        def fill(crew: Crew, piece: int) -> int:
            asked.append(piece)
            return crew.fill(works, [piece])

        with Crew(run, HANDS, before) as crew, crew.round(1), ThreadPoolExecutor(2) as pool:
            first = pool.submit(fill, crew, pieces[0].id)
            eventually(lambda: len(reached) == 1)
            second = pool.submit(fill, crew, pieces[-1].id)
            eventually(lambda: len(asked) == 2)
            waits.set()
            assert first.exception(10) is error
            assert second.exception(10) is error
    assert len(reached) == 1


@pytest.mark.parametrize("lost", [False, True])
def test_the_same_workers_go_on_after_a_rewritten_table_and_keep_nothing_of_it(
    database: str, lost: bool
) -> None:
    create_users(database, rows=12_000)
    rewritten = [True]

    def before(_worker: Worker) -> None:
        if rewritten and lost:
            small_table.run(database, END_WORKERS)
        if rewritten:
            raise Rewritten(1)

    with opened(settings_for(database), Caller(actor=ACTOR), email_migration()) as run:
        forward(run, Phase.EXPAND)
        cut_walk(run, HANDS)
        assert run.plan.backfill is not None
        works = partial(statements.filling, run.plan, run.plan.backfill)
        one, *others = [piece.id for piece in slices.read(run.session, run.lease, Kind.WALK)]
        with Crew(run, HANDS, before) as crew:
            with pytest.raises(Rewritten), crew.round(1):
                crew.fill(works, [one])
            free = claims.free(run.session, run.lease, Kind.WALK, round_=0, silence=60)
            assert set(free) == {one, *others}
            rewritten.clear()
            with crew.round(2):
                assert crew.fill(works, [one]) > 0
            if lost:
                small_table.run(database, END_WORKERS)
        assert run.session.value("SELECT count(*) FROM pgtide.worker") == 2
        assert run.session.value("SELECT count(*) FROM pgtide.worker WHERE ended_at IS NULL") == 0


def test_who_could_not_give_back_is_silent_and_its_slices_are_free_after_its_lease(
    database: str, server: Server
) -> None:
    create_users(database, rows=12_000)
    lease = timedelta(seconds=3)
    settings = replace(settings_for(database), heartbeat=lease / 10, lease=lease)
    error = Failed("no more", state="state", remedy="remedy")

    def before(_worker: Worker) -> None:
        raise error

    allow = f"ALTER DATABASE {database.rpartition('/')[2]} ALLOW_CONNECTIONS"
    with opened(settings, Caller(actor=ACTOR), email_migration()) as run:
        forward(run, Phase.EXPAND)
        cut_walk(run, HANDS)
        assert run.plan.backfill is not None
        works = partial(statements.filling, run.plan, run.plan.backfill)
        one = slices.read(run.session, run.lease, Kind.WALK)[0].id

        def is_free() -> bool:
            silence = lease.total_seconds()
            return one in claims.free(run.session, run.lease, Kind.WALK, round_=0, silence=silence)

        with Crew(run, HANDS, before) as crew:
            with pytest.raises(Failed), crew.round(1):
                crew.fill(works, [one])
            assert not is_free()
            small_table.run(database, END_WORKERS)
            small_table.run(server.url, f"{allow} false")
        small_table.run(server.url, f"{allow} true")
        assert run.session.value("SELECT ended_at FROM pgtide.worker") is None
        eventually(is_free)
        run.check()


def test_the_workers_of_the_walk_sweep_too(database: str) -> None:
    create_users(database, rows=12_000)
    settings = replace(settings_for(database), workers=2)
    migrate(database, email_migration(), until=Phase.BACKFILL, settings=settings)
    assert small_table.run(database, "SELECT count(*) FROM pgtide.worker") == [(2,)]
    assert {kind for (kind,) in small_table.run(database, "SELECT kind FROM pgtide.slice")} == {
        "walk",
        "sweep",
    }
