"""A running backfill follows the operator within two seconds: rate, pause and resume."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from statistics import median

import pytest

from pgtide.errors import Refused, Waiting
from pgtide.events import BatchCommitted, Event
from pgtide.ledger.rate import LiveRate
from pgtide.ledger.record import Record
from pgtide.model.state import Phase, State
from pgtide.operate import hold, throttle
from pgtide.operate.status import status_of
from pgtide.postgres.session import Session, connect
from tests.driving import migrate, record_of, settings_for
from tests.nights import kinds
from tests.users import MIGRATION_ID, create_users, email_migration

# What the operator is promised.
PROMISE = 2.0
PATIENCE = 30.0


@dataclass(slots=True)
class Batches:
    """What a run has committed: when, how long each batch took, and its blocks."""

    seen: list[tuple[float, float]] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, BatchCommitted) and event.kind == "walk":
            self.blocks.append((event.end or event.cursor) - event.cursor)
            self.seen.append((time.monotonic(), event.seconds))

    def since(self, moment: float) -> list[tuple[float, float]]:
        return [one for one in self.seen if one[0] > moment]

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self.seen) < count:
            assert time.monotonic() < deadline, f"{len(self.seen)} batches in {PATIENCE} s"
            time.sleep(0.02)

    def duty(self, begin: float) -> float:
        """Return the share of the time since then that went into batches."""
        late = self.since(begin)
        return sum(seconds for _, seconds in late) / (time.monotonic() - begin)


@contextmanager
def filling(
    url: str, rate: dict[str, object], *, rows: int = 30_000
) -> Iterator[tuple[Batches, Future[Record]]]:
    """Fill a table beside the block, so slowly that it does not end by itself."""
    create_users(url, rows=rows)
    migrate(url, email_migration(), until=Phase.EXPAND)
    settings = replace(settings_for(url), workers=1, **rate)  # type: ignore[arg-type]
    batches = Batches()
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(
            lambda: migrate(url, email_migration(), emit=batches, settings=settings)
        )
        try:
            batches.wait_for(3)
            yield batches, run
        finally:
            if not run.done():
                with operator(url) as session:
                    hold.pause(session, record_of(url, MIGRATION_ID), by="ann", reason="over")


@contextmanager
def operator(url: str) -> Iterator[Session]:
    with connect(url, purpose="operator") as session:
        yield session


def test_the_duty_follows_within_two_seconds(database: str) -> None:
    settings = settings_for(database)
    rate: dict[str, object] = {"duty": 0.3, "batch_target": timedelta(milliseconds=10)}
    # A second's work and a half, on a fast machine.
    with filling(database, rate, rows=300_000) as (batches, _):
        begun = time.monotonic()
        time.sleep(PROMISE)
        before = batches.duty(begun)
        with operator(database) as session:
            record = record_of(database, MIGRATION_ID)
            throttle.throttle(session, record, LiveRate(duty=0.05), settings=settings)
            time.sleep(PROMISE)
            slow = time.monotonic()
            time.sleep(PROMISE)
            after = batches.duty(slow)
            shown = status_of(session, settings, record).rate
    assert before == pytest.approx(0.3, rel=0.35)
    assert after == pytest.approx(0.05, rel=0.5)
    assert shown is not None
    assert (shown.duty, shown.by) == (0.05, settings.actor)
    assert kinds(database, "rate_set") == [{"duty": 0.05, "batch_ms": None}]


def test_the_target_of_a_batch_follows_and_a_reset_takes_it_back(database: str) -> None:
    """Counted in blocks: no more than a quarter of a pass, whatever a batch may take."""
    settings = replace(settings_for(database), batch_target=timedelta(milliseconds=0.2))
    # Rest and work, so that it lasts long enough to be slowed down.
    rate: dict[str, object] = {"batch_target": settings.batch_target, "duty": 0.2}
    with filling(database, rate) as (batches, _), operator(database) as session:
        record = record_of(database, MIGRATION_ID)
        # It begins with more, and has to learn what a block costs.
        batches.wait_for(20)
        small = median(batches.blocks[-5:])
        throttle.throttle(session, record, LiveRate(batch_ms=20), settings=settings)
        known = throttle.throttle(session, record, LiveRate(duty=0.1), settings=settings)
        assert known is not None
        assert (known.batch_ms, known.duty) == (20, 0.1)
        time.sleep(PROMISE)
        batches.wait_for(len(batches.seen) + 4)
        large = max(batches.blocks[-4:])
        throttle.reset(session, record, settings=settings)
        assert status_of(session, settings, record).rate is None
    assert large > 3 * small, "a hundred times as long in a moment, and hardly bigger"
    assert [one["batch_ms"] for one in kinds(database, "rate_set")] == [20, 20, None]


def test_pause_and_resume_act_within_two_seconds(database: str) -> None:
    """Also where the duty has just begun a long rest."""
    with filling(database, {"duty": 0.05}) as (batches, run):
        record = record_of(database, MIGRATION_ID)
        with operator(database) as session:
            asked = time.monotonic()
            hold.pause(session, record, by="ann", reason="rush hour")
            with pytest.raises(Waiting, match="rush hour"):
                run.result(PATIENCE)
            assert time.monotonic() - asked < PROMISE
            assert record_of(database, MIGRATION_ID).state is State.PAUSED
            before = len(batches.seen)
            asked = time.monotonic()
            hold.release(session, record, by="ann")
        again = threading.Thread(target=lambda: migrate(database, email_migration(), emit=batches))
        again.start()
        batches.wait_for(before + 1)
        assert batches.since(asked)[0][0] - asked < PROMISE
        again.join(PATIENCE)
    assert record_of(database, MIGRATION_ID).state is State.VERIFIED


def test_a_rate_that_cannot_be_meant_is_refused(database: str) -> None:
    create_users(database, rows=10)
    settings = settings_for(database)
    record = migrate(database, email_migration(), until=Phase.EXPAND)
    with operator(database) as session:
        for wrong in (LiveRate(duty=0.01), LiveRate(duty=2), LiveRate(batch_ms=0)):
            with pytest.raises(Refused, match="it is"):
                throttle.throttle(session, record, wrong, settings=settings)
        assert throttle.rate_status(session, record, settings) is None
        # A hold and a rate are two things.
        hold.pause(session, record, by="ann", reason="rush hour")
        throttle.throttle(session, record, LiveRate(duty=0.5), settings=settings)
        assert hold.release(session, record, by="ann") is not None
        known = throttle.rate_status(session, record, settings)
        assert known is not None
        assert known.duty == 0.5
