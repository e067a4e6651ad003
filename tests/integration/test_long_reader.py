"""A report of half a minute when contract or its undo comes: outlasted, nobody queues behind it."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from pgtide.events import Event, LockWaited, StepEnded
from pgtide.ledger.record import Record
from pgtide.model.state import State
from tests.driving import migrate
from tests.later import contract, later_settings, to_verified
from tests.prober import probing
from tests.reader import reading
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users, email_migration

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


@pytest.fixture
def verified(database: str) -> str:
    """Give a database in which the strategy's migration is verified, with a table beside it."""
    create_users(database, rows=2000)
    run(
        database,
        "CREATE TABLE public.aside AS SELECT * FROM public.users",
        "ALTER TABLE public.aside ADD PRIMARY KEY (id)",
    )
    migrate(database, email_migration())
    return database


def _contracted(url: str) -> Act:
    return partial(contract, url, MIGRATION_ID)


def _undone(url: str) -> Act:
    contract(url, MIGRATION_ID)
    return partial(to_verified, url, MIGRATION_ID)


@pytest.mark.parametrize(
    ("prepare", "step", "ends"),
    [
        (_contracted, "contract.shape", State.CONTRACTED),
        (_undone, "undo.contract.shape", State.VERIFIED),
    ],
    ids=["contract", "undo"],
)
def test_a_report_of_half_a_minute_is_outlasted_and_nobody_queues_behind_it(
    verified: str, prepare: Callable[[str], Act], step: str, ends: State
) -> None:
    act = prepare(verified)
    events: list[Event] = []
    with (
        probing(verified, *PROBE) as stalls,
        probing(verified, *CONTROL) as noise,
        reading(verified, seconds=REPORT),
    ):
        begun = time.monotonic()
        record = act(emit=events.append)
        took = time.monotonic() - begun
    settings = later_settings(verified)
    tries = [event for event in events if isinstance(event, LockWaited) and event.step == step]
    [ended] = [event for event in events if isinstance(event, StepEnded) and event.step == step]
    assert record.state is ends
    assert took >= REPORT - 1, "the report was not in the way: the test shows nothing"
    # Of a backup that contract takes before its lock nobody is to notice anything.
    assert ended.seconds >= REPORT / 2, "the lock was not waited for: the test shows nothing"
    assert ended.tries == len(tries) + 1 <= settings.lock_tries
    assert all("reporting" in str(one.blockers) for one in tries)
    assert stalls.failures == noise.failures == []
    assert stalls.longest <= settings.lock_wait.total_seconds() + noise.longest + SLACK
