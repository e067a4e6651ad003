"""A report of half a minute when contract or its undo comes: outlasted, nobody queues behind it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from pgtide.events import Event, LockWaited, StepEnded
from pgtide.ledger.record import Record
from pgtide.model.state import State
from pgtide.settings import Settings
from tests.driving import migrate
from tests.later import contract, later_settings, to_verified
from tests.prober import Stalls, probing
from tests.reader import reading
from tests.small_table import run
from tests.stages import Stages
from tests.users import MIGRATION_ID, create_users, email_migration

pytestmark = pytest.mark.long

# The old, the interim and the added name; all are there before contract, after it, and in between.
PROBE = (
    "SELECT email_verified, email_verified_v2, verified_at FROM public.users WHERE id = 3",
    "UPDATE public.users SET name = name WHERE id = 3",
)
# What the machine does by itself meanwhile: the same work on a table that nobody else is at.
CONTROL = (
    "SELECT email_verified FROM public.aside WHERE id = 3",
    "UPDATE public.aside SET name = name WHERE id = 3",
)
REPORT = 30.0
# A waiter has to be woken and scheduled.
SLACK = 0.15

Act = Callable[..., Record]


def _verified(url: str) -> None:
    """Make a database in which the strategy's migration is verified, with a table beside it."""
    create_users(url, rows=2000)
    run(
        url,
        "CREATE TABLE public.aside AS SELECT * FROM public.users",
        "ALTER TABLE public.aside ADD PRIMARY KEY (id)",
    )
    migrate(url, email_migration())


def _contracted(url: str) -> Act:
    return partial(contract, url, MIGRATION_ID)


def _undone(url: str) -> Act:
    contract(url, MIGRATION_ID)
    return partial(to_verified, url, MIGRATION_ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlasted:
    """What an act was like that met with the report."""

    record: Record
    seconds: float
    events: list[Event]
    stalls: Stalls
    noise: Stalls


def _outlasted(url: str, prepare: Callable[[str], Act]) -> Outlasted:
    act = prepare(url)
    events: list[Event] = []
    with (
        probing(url, *PROBE) as stalls,
        probing(url, *CONTROL) as noise,
        reading(url, seconds=REPORT),
    ):
        begun = time.monotonic()
        record = act(emit=events.append)
        seconds = time.monotonic() - begun
    return Outlasted(record=record, seconds=seconds, events=events, stalls=stalls, noise=noise)


def test_a_report_of_half_a_minute_is_outlasted_and_nobody_queues_behind_it(
    stages: Stages,
) -> None:
    # Side by side: neither does anything for most of the time.
    with ExitStack() as kept, ThreadPoolExecutor() as pool:
        urls = [kept.enter_context(stages.copy(_verified)) for _ in range(2)]
        contracting, undoing = pool.map(_outlasted, urls, (_contracted, _undone))
    settings = later_settings(urls[0])
    assert contracting.record.state is State.CONTRACTED
    assert undoing.record.state is State.VERIFIED
    _nobody_queued(contracting, "contract.shape", settings)
    _nobody_queued(undoing, "undo.contract.shape", settings)


def _nobody_queued(seen: Outlasted, step: str, settings: Settings) -> None:
    waits = [one for one in seen.events if isinstance(one, LockWaited) and one.step == step]
    [ended] = [one for one in seen.events if isinstance(one, StepEnded) and one.step == step]
    assert seen.seconds >= REPORT - 1, "the report was not in the way: the test shows nothing"
    # Of a backup that contract takes before its lock nobody is to notice anything.
    assert ended.seconds >= REPORT / 2, "the lock was not waited for: the test shows nothing"
    assert ended.tries == len(waits) + 1 <= settings.lock_tries
    assert all("reporting" in str(one.blockers) for one in waits)
    assert seen.stalls.failures == seen.noise.failures == []
    assert seen.stalls.longest <= settings.lock_wait.total_seconds() + seen.noise.longest + SLACK
