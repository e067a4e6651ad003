"""A server crashes, ends a session, or loses a connection at COMMIT: nothing is lost or redone."""

import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from pgtide import Backfill
from pgtide.events import BatchCommitted, Event
from pgtide.model.state import Phase
from pgtide.postgres.embedded import Server
from tests.cutting_proxy import Cut, cutting_proxy
from tests.driving import migrate, record_of
from tests.scenarios.backends import (
    SLOW_ROW,
    end_backend,
    execute,
    transaction_open,
    wait_for_backend,
    wait_for_holder,
)
from tests.scenarios.child import Ended, carried_out, started
from tests.scenarios.killed import Order
from tests.scenarios.lab import witnessed
from tests.scenarios.ledger_truth import begun, disagreements, places, repeated
from tests.server import FAST, fresh_database, name_of, running_server
from tests.small_table import run
from tests.table_state import TableState, table_state
from tests.users import MIGRATION_ID, create_users, email_migration

# Every kill is a process of its own, and others may be at work on the machine.
pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

# Asynchronous commits stay in memory for so long, and by so much: a crash loses some.
LAZY = {**FAST, "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
# Slices of the walk that are not at their end.
LEFT = "SELECT count(*) FROM pgtide.slice WHERE kind = 'walk' AND state = 'open'"
# Whether the walk goes from page to page, or along the key.
BOTH = pytest.mark.parametrize("keyed", [False, True], ids=["pages", "key"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A server that may be crashed, a table to clone, its state once migrated, and a witness.

    The witness is on another server, which stays.
    """

    server: Server
    template: str
    healthy: TableState
    witness: str

    def order(self, url: str) -> Order:
        return Order(url=url, witness=self.witness, run=uuid.uuid4().hex, heartbeat_ms=200)


@pytest.fixture(scope="module")
def ward(server: Server) -> Iterator[Ward]:
    with (
        running_server(LAZY) as mortal,
        witnessed(server) as witness,
        fresh_database(mortal) as template,
    ):
        create_users(template, rows=10_000)
        with fresh_database(mortal, name_of(template)) as url:
            assert carried_out(Order(url=url)).code == 0
            healthy = table_state(url)
        yield Ward(server=mortal, template=name_of(template), healthy=healthy, witness=witness)


@pytest.fixture
def table(ward: Ward) -> Iterator[str]:
    with fresh_database(ward.server, ward.template) as url:
        yield url


def crash(server: Server) -> None:
    server.stop("immediate")
    server.start()


def assert_whole(ward: Ward, url: str, ended: Ended) -> None:
    assert ended.code == 0, str(ended)
    assert disagreements(url) == []
    assert ward.healthy.differences(table_state(url)) == []


def assert_nothing_twice(order: Order) -> None:
    assert order.witness is not None
    all_begun = begun(order.witness, order.run)
    assert len(all_begun) == len(set(all_begun))


@BOTH
def test_a_crash_loses_batches_and_their_checkpoints_together_and_the_worker_goes_on(
    ward: Ward, table: str, *, keyed: bool
) -> None:
    order = replace(ward.order(table), at="BatchCommitted", nth=20, signal=signal.SIGSTOP)
    # Each batch of a walk by key as small as it may be: 50 in a slice, so that this is none's last,
    # behind which the next statement would be a claim.
    order = replace(order, keyed=keyed, batch_ms=0.5 if keyed else order.batch_ms)
    # A heartbeat's commit would flush those of the batches before it.
    with started(replace(order, heartbeat_ms=5000)) as worker:
        worker.wait_until_stopped()
        before = places(table)
        crash(ward.server)
        after = places(table)
        assert any(after[one] < before[one] for one in before), "nothing was lost"
        assert disagreements(table) == []
        worker.signal(signal.SIGCONT)
        ended = worker.finish()
    assert "BatchRetried" in ended.labels
    assert_whole(ward, table, ended)


@pytest.mark.timeout(120)
def test_a_slice_that_a_crash_opens_again_behind_its_worker_is_walked_to_its_end(
    ward: Ward, table: str
) -> None:
    crashed = list[int]()

    def hear(event: Event) -> None:
        if isinstance(event, BatchCommitted) and not crashed and run(table, LEFT) == [(0,)]:
            crash(ward.server)
            [(opened,)] = run(table, LEFT)
            crashed.append(int(str(opened)))

    # One worker: nothing that it claims afterwards flushes its last commit.
    migration = replace(email_migration(), backfill=Backfill(workers=1))
    migrate(table, migration, until=Phase.BACKFILL, emit=hear)
    assert crashed[0] > 0, "nothing was lost"
    assert disagreements(table) == []


def test_a_worker_waits_for_a_server_that_is_away_for_a_while_and_goes_on(
    ward: Ward, table: str
) -> None:
    with started(replace(ward.order(table), pause_ms=20)) as worker:
        worker.wait_for("BatchCommitted", 10)
        ward.server.stop("immediate")
        time.sleep(5)
        assert worker.runs(), str(worker.finish())
        ward.server.start()
        ended = worker.finish()
    assert_whole(ward, table, ended)


def test_a_crash_of_server_and_worker_is_mended_by_the_next_worker(ward: Ward, table: str) -> None:
    assert carried_out(replace(ward.order(table), at="BatchCommitted", nth=20)).code == -9
    crash(ward.server)
    assert disagreements(table) == []
    known, order = places(table), ward.order(table)
    assert_whole(ward, table, carried_out(order))
    assert repeated(known, begun(ward.witness, order.run)) == []


def test_a_worker_whose_server_process_is_ended_inside_a_batch_goes_on(
    ward: Ward, table: str
) -> None:
    execute(table, SLOW_ROW)
    with started(ward.order(table)) as worker:
        end_backend(table, wait_for_backend(table, "pgtide worker%", event="PgSleep"))
        ended = worker.finish()
    assert "BatchRetried" in ended.labels
    execute(table, "DROP TRIGGER slow ON public.users")
    assert_whole(ward, table, ended)


def test_a_run_that_lost_its_lock_takes_it_again_and_goes_on(ward: Ward, table: str) -> None:
    with started(replace(ward.order(table), pause_ms=200)) as worker:
        worker.wait_for("BatchCommitted")
        # Keeps it from its end: an index that is built CONCURRENTLY waits for the transaction.
        with transaction_open(table) as reader:
            worker.wait_for("BatchCommitted", 3)
            lock = wait_for_backend(table, "pgtide lock%")
            end_backend(table, lock)
            wait_for_holder(table, other_than=lock)
            refused = carried_out(replace(ward.order(table), lease_ms=3_600_000))
            assert refused.error == "Busy", str(refused)
            reader.rollback()
        ended = worker.finish()
    assert_whole(ward, table, ended)


def test_a_run_that_lost_its_lock_to_another_ends_fenced(ward: Ward, table: str) -> None:
    pausing = replace(ward.order(table), at="BatchCommitted", nth=5, signal=signal.SIGSTOP)
    with started(pausing) as first:
        first.wait_until_stopped()
        end_backend(table, wait_for_backend(table, "pgtide lock%"))
        with started(replace(pausing, lease_ms=3_600_000)) as second:
            second.wait_until_stopped()
            first.signal(signal.SIGCONT)
            ended = first.finish()
            assert (ended.code, ended.error) == (1, "Fenced"), str(ended)
            second.signal(signal.SIGCONT)
            assert_whole(ward, table, second.finish())


def test_an_index_that_a_killed_worker_left_half_built_is_built_anew(
    ward: Ward, table: str
) -> None:
    order = replace(ward.order(table), at="PhaseBegan:finalize", signal=signal.SIGSTOP)
    with started(order) as worker:
        worker.wait_until_stopped()
        with transaction_open(table) as reader:
            worker.signal(signal.SIGCONT)
            wait_for_backend(table, "pgtide worker%", event="virtualxid")
            worker.signal(signal.SIGKILL)
            assert worker.finish().code == -9
            with started(ward.order(table)) as second:
                # It has ended the orphaned build, and waits to drop what is left of it.
                wait_for_backend(table, "pgtide worker 2", event="virtualxid")
                assert any("valid=f" in line for line in table_state(table).catalog)
                assert disagreements(table) == []
                reader.rollback()
                assert_whole(ward, table, second.finish())


@BOTH
@pytest.mark.parametrize("cut", list(Cut), ids=lambda cut: cut.name.lower())
def test_a_connection_cut_at_the_commit_of_a_batch_loses_and_repeats_nothing(
    ward: Ward, table: str, cut: Cut, *, keyed: bool
) -> None:
    order, ended = cut_at(ward, table, at="BatchBegan", nth=7, cut=cut, keyed=keyed)
    assert "BatchRetried" in ended.labels
    assert_whole(ward, table, ended)
    if cut is Cut.AFTER:
        assert_nothing_twice(order)
        # What the lost answer would have said is told from the ledger.
        assert ended.labels.count("BatchCommitted") == ended.labels.count("BatchBegan")


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER], ids=lambda cut: cut.name.lower())
@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("RunBegan", False),
        ("StatementEnded:expand.shape:0", True),
        ("StepEnded:expand.shape", False),
        ("PhaseBegan:backfill", True),
        ("RangeVerified", True),
    ],
)
def test_a_connection_cut_at_any_other_commit_leaves_a_migration_that_goes_on(
    ward: Ward, table: str, at: str, *, inside: bool, cut: Cut
) -> None:
    _, ended = cut_at(ward, table, at=at, cut=cut)
    assert ended.error == "ConnectionLost", str(ended)
    assert disagreements(table) == []
    record = record_of(table, MIGRATION_ID)
    # Between two phases there is nothing that could have failed.
    assert (record.state == "failed") is inside
    assert ("connection" in (record.last_error or "")) is inside
    assert_whole(ward, table, carried_out(ward.order(table)))


def cut_at(
    ward: Ward, table: str, *, at: str, cut: Cut, nth: int = 1, keyed: bool = False
) -> tuple[Order, Ended]:
    """Let a process come to an event, cut its connection at the COMMIT after it, see its end."""
    with cutting_proxy(table) as proxy:
        order = replace(ward.order(proxy.url), at=at, nth=nth, signal=signal.SIGSTOP, keyed=keyed)
        with started(order) as worker:
            worker.wait_until_stopped()
            proxy.arm(cut)
            worker.signal(signal.SIGCONT)
            ended = worker.finish()
        assert proxy.cuts == 1
    return order, ended
