"""Several workers, in one process and in two, share the slices of one backfill."""

import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgtide.model.state import State
from pgtide.postgres.embedded import Server
from tests.driving import record_of
from tests.scenarios.child import carried_out, started
from tests.scenarios.gone_on_with import killed_and_gone_on_with
from tests.scenarios.killed import Order
from tests.scenarios.lab import witnessed
from tests.scenarios.ledger_truth import begun, disagreements, repeated
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users

# A worker that says nothing for so long loses its slice.
LEASE_MS = 800.0
CONTENT = "SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM public.users u"


@pytest.fixture
def table(database: str) -> str:
    create_users(database, rows=10_000)
    return database


@pytest.fixture
def order(table: str, server: Server) -> Iterator[Order]:
    with witnessed(server) as witness:
        yield _order(table, witness)


def _order(table: str, witness: str) -> Order:
    return Order(
        url=table,
        witness=witness,
        run="first",
        workers=2,
        lease_ms=LEASE_MS,
        heartbeat_ms=100,
        slice_blocks=25,
    )


def workers(url: str) -> list[tuple[object, ...]]:
    """Return each worker's process and how many slices it has done."""
    return run(
        url,
        "SELECT w.pid, count(s.*) FROM pgtide.worker w LEFT JOIN pgtide.slice s"
        " ON s.worker_id = w.id AND s.state = 'done' AND s.kind = 'walk'"
        " GROUP BY w.id ORDER BY w.id",
    )


def assert_exact(order: Order) -> None:
    assert record_of(order.url, MIGRATION_ID).state is State.VERIFIED
    assert disagreements(order.url) == []


def test_two_workers_of_one_process_share_the_slices(order: Order) -> None:
    ended = carried_out(replace(order, pause_ms=2))
    assert ended.code == 0, str(ended)
    assert_exact(order)
    done = [count for _, count in workers(order.url)[:2]]
    assert len(done) == 2
    assert all(done), f"one of them had nothing to do: {done}"


@pytest.mark.parametrize("nth", [3, 40], ids=["early", "late"])
def test_both_workers_of_a_killed_process_are_replaced_and_no_batch_is_repeated(
    order: Order, nth: int
) -> None:
    killed_and_gone_on_with(order, at="BatchCommitted", nth=nth)
    assert_exact(order)


def test_a_process_that_joins_takes_slices_and_ends_with_the_backfill(order: Order) -> None:
    # The helper comes first, and waits: starting it must not take longer than the backfill.
    with started(replace(order, action="join", run="helper", patience=60.0)) as helper:
        ended = carried_out(replace(order, pause_ms=60))
        helped = helper.finish()
    assert ended.code == 0, str(ended)
    assert helped.code == 0, str(helped)
    assert_exact(order)
    assert order.witness is not None
    assert begun(order.witness, "helper"), "it found nothing to do"
    ours = {one.slice_id for one in begun(order.witness, "first")}
    theirs = {one.slice_id for one in begun(order.witness, "helper")}
    assert not ours & theirs, "a slice had two workers"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_the_slices_of_a_helper_that_dies_come_back(order: Order, number: int) -> None:
    """One that was only stopped writes nothing once it wakes: its slice is another's."""
    dying = replace(order, action="join", run="helper", at="BatchCommitted", nth=3, patience=60.0)
    with started(replace(dying, signal=number)) as helper:
        with started(replace(order, pause_ms=60)) as first:
            if number == signal.SIGSTOP:
                helper.wait_until_stopped()
            else:
                assert helper.finish().code == -signal.SIGKILL
            ended = first.finish()
        assert ended.code == 0, str(ended)
        assert_exact(order)
        before = run(order.url, CONTENT)
        helper.signal(signal.SIGCONT)
        helper.finish()
    assert order.witness is not None
    known = {one.slice_id: one.place for one in begun(order.witness, "helper")}
    ours = [one for one in begun(order.witness, "first") if one.slice_id in known]
    assert ours, "nobody went on with what the helper had begun"
    assert repeated(known, ours) == []
    assert_exact(order)
    assert run(order.url, CONTENT) == before


def test_there_is_nothing_to_join_where_nobody_works(order: Order) -> None:
    assert carried_out(replace(order, at="BatchCommitted", nth=3)).code == -signal.SIGKILL
    helper = carried_out(replace(order, action="join", lease_ms=1.0))
    assert (helper.code, helper.error) == (2, "Refused"), str(helper)
    assert "pgtide up" in helper.message
