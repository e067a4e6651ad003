"""Whoever is killed while failing rows are looked for leaves the truth, and the next goes on."""

import random
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgtide.postgres.embedded import Server
from tests.poisoned import create_poisoned_users, held, out_of_step
from tests.scenarios.child import Child, Ended, carried_out, started
from tests.scenarios.killed import Order
from tests.scenarios.lab import witnessed
from tests.scenarios.ledger_truth import begun, disagreements, places, repeated
from tests.small_table import run

# Every kill is a process of its own, and others may be at work on the machine.
pytestmark = pytest.mark.timeout(900)

ROWS = 4_000
CONTENT = "SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM public.users u"


@pytest.fixture
def order(database: str, server: Server) -> Iterator[Order]:
    create_poisoned_users(database, rows=ROWS, every=600)
    with witnessed(server) as witness:
        yield Order(url=database, witness=witness, run="first", slice_blocks=25, lease_ms=800)


def assert_true(url: str) -> None:
    """Whatever is in quarantine is not filled, and whatever is walked and not filled is there."""
    assert set(held(url)) <= set(out_of_step(url)), "filled, and in quarantine"
    assert disagreements(url) == []


def assert_quarantined(order: Order, ended: Ended) -> None:
    assert (ended.code, ended.error) == (1, "Quarantined"), str(ended)
    assert held(order.url) == out_of_step(order.url)
    assert len(held(order.url)) == ROWS // 200
    assert_true(order.url)


MOMENTS = [
    ("BatchBegan", 9, 1),
    ("BatchBegan", 40, 2),
    ("BatchCommitted", 50, 1),
    ("RowQuarantined", 1, 1),
    ("RowQuarantined", 7, 2),
]


@pytest.mark.parametrize(("at", "nth", "workers"), MOMENTS)
@pytest.mark.wide
def test_a_kill_in_mid_bisection_leaves_the_truth(
    order: Order, at: str, nth: int, workers: int
) -> None:
    order = replace(order, workers=workers)
    killed = carried_out(replace(order, at=at, nth=nth))
    assert killed.code == -signal.SIGKILL, str(killed)
    assert_true(order.url)
    before, known = set(held(order.url)), places(order.url)
    ended = carried_out(replace(order, run="second"))
    assert_quarantined(order, ended)
    assert before <= set(held(order.url))
    # Once in the first run, once more at the beginning of the second.
    assert run(order.url, "SELECT max(tries) FROM pgtide.quarantine") <= [(2,)]
    assert order.witness is not None
    assert repeated(known, begun(order.witness, "second")) == []


def test_kills_at_any_moment_end_where_an_undisturbed_run_does(order: Order) -> None:
    """At moments that nobody chose: between two statements, inside a transaction."""
    chance = random.Random(4)
    for _ in range(5):
        with started(order) as child:
            child.wait_for("SlicesCut" if not places(order.url) else "RunBegan")
            _wait_for_batches(child, chance.randrange(1, 60))
            child.signal(signal.SIGKILL)
            child.finish()
        assert_true(order.url)
    assert_quarantined(order, carried_out(order))


def _wait_for_batches(child: Child, nth: int) -> None:
    try:
        child.wait_for("BatchBegan", nth)
    except AssertionError:
        # It has come to its end.
        assert not child.runs()


def test_a_worker_that_was_taken_over_puts_nothing_in_quarantine(order: Order) -> None:
    """Stopped in mid-bisection and woken after another has ended the work: it is fenced."""
    with started(replace(order, at="BatchBegan", nth=9, signal=signal.SIGSTOP)) as first:
        first.wait_until_stopped()
        # Its server process is ended by whoever takes over, and its lock is free then.
        assert_quarantined(order, carried_out(replace(order, lease_ms=1.0)))
        tries = run(order.url, "SELECT key, tries, run_id FROM pgtide.quarantine ORDER BY id")
        rows = run(order.url, CONTENT)
        first.signal(signal.SIGCONT)
        ended = first.finish()
    assert (ended.code, ended.error) == (1, "Fenced"), str(ended)
    assert run(order.url, "SELECT key, tries, run_id FROM pgtide.quarantine ORDER BY id") == tries
    assert run(order.url, CONTENT) == rows
