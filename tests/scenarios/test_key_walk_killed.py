"""A process dies while it walks along a key; the next one goes on, and repeats no batch."""

import random
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgtide.model.state import State
from pgtide.postgres.embedded import Server
from tests.driving import record_of
from tests.parted import OUT_OF_STEP, create_orders
from tests.poisoned import create_poisoned_users, held, out_of_step
from tests.scenarios.child import carried_out, started
from tests.scenarios.gone_on_with import killed_and_gone_on_with
from tests.scenarios.killed import Order
from tests.scenarios.killed_often import killed_often
from tests.scenarios.lab import witnessed
from tests.scenarios.ledger_truth import begun, disagreements, places, repeated
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users

# Every kill is a process of its own, and others may be at work on the machine.
pytestmark = pytest.mark.timeout(900)

ROWS = 10_000
_CHANCE = random.Random(41)
# At any batch of the walk, or of the sweep after it.
MOMENTS = [
    (_CHANCE.choice(("BatchBegan", "BatchCommitted")), _CHANCE.randint(1, 40), 1 + number % 2)
    for number in range(8)
]


@pytest.fixture
def order(database: str, server: Server) -> Iterator[Order]:
    create_users(database, rows=ROWS)
    with witnessed(server) as witness:
        yield Order(url=database, witness=witness, run="first", keyed=True, lease_ms=800)


def assert_exact(order: Order) -> None:
    assert record_of(order.url, MIGRATION_ID).state is State.VERIFIED
    assert disagreements(order.url) == []
    along = "SELECT count(*) FROM pgtide.slice WHERE kind <> 'archive' AND key_columns IS NULL"
    assert run(order.url, along) == [(0,)]


@pytest.mark.parametrize(("at", "nth", "workers"), MOMENTS)
@pytest.mark.wide
def test_the_next_process_goes_on_behind_the_last_committed_batch(
    order: Order, at: str, nth: int, workers: int
) -> None:
    # Small batches, so that there are some hundred.
    order = replace(order, workers=workers, batch_ms=2.0)
    killed_and_gone_on_with(order, at=at, nth=nth)
    assert_exact(order)


def test_kills_at_moments_that_nobody_chose_leave_no_batch_repeated(order: Order) -> None:
    order = replace(order, workers=2, batch_ms=5.0)
    survived = killed_often(order, 5, random.Random(7))
    assert survived.problems == ()
    assert survived.kills >= 3
    assert_exact(order)


def test_two_workers_share_the_slices(order: Order) -> None:
    ended = carried_out(replace(order, workers=2, pause_ms=2))
    assert ended.code == 0, str(ended)
    assert_exact(order)
    done = run(
        order.url,
        "SELECT count(DISTINCT worker_id) FROM pgtide.slice WHERE kind = 'walk' AND state = 'done'",
    )
    assert done == [(2,)]


def test_a_worker_that_was_taken_over_writes_nothing(order: Order) -> None:
    with started(replace(order, at="BatchBegan", nth=4, signal=signal.SIGSTOP)) as first:
        first.wait_until_stopped()
        ended = carried_out(replace(order, run="second", lease_ms=1.0))
        assert ended.code == 0, str(ended)
        first.signal(signal.SIGCONT)
        late = first.finish()
    assert (late.code, late.error) == (1, "Fenced"), str(late)
    assert_exact(order)


def test_a_partitioned_table_is_walked_along_the_keys_of_its_leaves(
    database: str, server: Server
) -> None:
    create_orders(database, "nested", rows=4000)
    with witnessed(server) as witness:
        order = Order(url=database, witness=witness, keyed=True, parted=True, batch_ms=1.0)
        killed = carried_out(replace(order, at="BatchCommitted", nth=4))
        assert killed.code == -signal.SIGKILL, str(killed)
        known = places(database)
        ended = carried_out(replace(order, run="second"))
        assert ended.code == 0, str(ended)
        assert repeated(known, begun(witness, "second")) == []
    assert run(database, OUT_OF_STEP) == [(0,)]
    filled = "SELECT sum(rows)::int FROM pgtide.slice WHERE kind <> 'archive'"
    assert run(database, filled) == [(4000,)]
    leaves = "SELECT count(DISTINCT leaf), min(key_columns) FROM pgtide.slice WHERE kind = 'walk'"
    assert run(database, leaves) == [(3, ["id", "day"])]
    back = carried_out(replace(order, witness=None, action="down"))
    assert back.code == 0, str(back)


@pytest.mark.parametrize("nth", [1, 5])
def test_a_kill_in_mid_bisection_leaves_the_truth(database: str, server: Server, nth: int) -> None:
    create_poisoned_users(database, rows=4000, every=600)
    with witnessed(server) as witness:
        order = Order(url=database, witness=witness, run="first", keyed=True)
        killed = carried_out(replace(order, at="RowQuarantined", nth=nth))
        assert killed.code == -signal.SIGKILL, str(killed)
        assert len(held(database)) == nth
        assert disagreements(database) == []
        known = places(database)
        ended = carried_out(replace(order, run="second"))
        assert (ended.code, ended.error) == (1, "Quarantined"), str(ended)
        assert held(database) == out_of_step(database)
        assert disagreements(database) == []
        assert repeated(known, begun(witness, "second")) == []
