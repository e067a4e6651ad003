"""A process dies while it fills a partitioned table or builds on it; the next one ends its work."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from pgtide.postgres.embedded import Server
from tests.parted import OUT_OF_STEP, PARTED_ID, create_orders
from tests.scenarios.child import carried_out
from tests.scenarios.killed import BEGAN, Order
from tests.scenarios.ledger_truth import begun, places, repeated
from tests.schema import dumped
from tests.server import fresh_database, name_of
from tests.small_table import run

# Every kill is a process of its own, and others may be at work on the machine.
pytestmark = pytest.mark.timeout(900)

ROWS = 4000
FILLED = "SELECT sum(rows)::int FROM pgtide.slice WHERE kind <> 'archive'"
# In the backfill; and before and after each kind of act on an index: the frame, a leaf's part, the
# frame of a partition that is parted itself, and each attachment.
POINTS = (
    ("BatchBegan", 3),
    ("BatchCommitted", 2),
    ("StatementEnded:finalize.index.orders_paid:0", 1),
    ("StatementBegan:finalize.attach.early_orders_paid:1", 1),
    ("StepEnded:finalize.attach.early_orders_paid", 1),
    ("StatementEnded:finalize.index.late_orders_paid:0", 1),
    ("StepEnded:finalize.index.late_orders_paid", 1),
    ("StepEnded:finalize.attach.early_one_orders_paid", 1),
)
BACK = (
    "StepEnded:undo.finalize.index.orders_paid",
    "StatementEnded:undo.finalize.index.late_orders_paid:0",
    "StatementEnded:rollback.capture:1",
    "BatchCommitted",
    "StatementEnded:undo.expand.shape:2",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """A server, the table before and after, and the database to which children say what began."""

    server: Server
    template: str
    verified: str
    witness: str
    before: str
    after: str


@pytest.fixture(scope="module")
def ways(server: Server) -> Iterator[Ways]:
    with fresh_database(server) as witness, fresh_database(server) as url:
        run(witness, BEGAN)
        create_orders(url, "nested", rows=ROWS)
        before, template = dumped(url, "public.*"), name_of(url)
        with fresh_database(server, template) as done:
            ended = carried_out(Order(url=done, parted=True))
            assert ended.code == 0, ended
            yield Ways(
                server=server,
                template=template,
                verified=name_of(done),
                witness=witness,
                before=before,
                after=dumped(done, "public.*"),
            )


@pytest.mark.parametrize(("label", "nth"), POINTS, ids=str)
@pytest.mark.wide
def test_the_next_process_ends_what_one_that_was_killed_began(
    ways: Ways, label: str, nth: int
) -> None:
    with fresh_database(ways.server, ways.template) as url:
        order = Order(url=url, parted=True, witness=ways.witness, batch_ms=1.0)
        killed = carried_out(replace(order, at=label, nth=nth))
        assert killed.code == -9, killed
        known, again = places(url), uuid.uuid4().hex
        ended = carried_out(replace(order, run=again))

        assert ended.code == 0, ended
        assert repeated(known, begun(ways.witness, again)) == []
        assert run(url, FILLED) == [(ROWS,)]
        assert run(url, OUT_OF_STEP) == [(0,)]
        assert dumped(url, "public.*") == ways.after


@pytest.mark.parametrize("label", BACK)
def test_the_next_process_ends_an_undo_that_was_killed(ways: Ways, label: str) -> None:
    with fresh_database(ways.server, ways.verified) as url:
        [[filled]] = run(url, "SELECT count(*) FROM public.orders WHERE paid_at IS NOT NULL")
        order = Order(url=url, parted=True, action="down")
        killed = carried_out(replace(order, at=label))
        assert killed.code == -9, killed
        ended = carried_out(order)

        assert ended.code == 0, ended
        assert dumped(url, "public.*") == ways.before
        assert run(url, "SELECT count(*) FROM pgtide.archive") == [(filled,)]


def test_an_undo_takes_what_a_killed_process_had_built_and_not_attached(ways: Ways) -> None:
    with fresh_database(ways.server, ways.template) as url:
        order = Order(url=url, parted=True)
        carried_out(replace(order, at="StepEnded:finalize.index.late_orders_paid"))
        loose = "SELECT count(*) FROM pg_class WHERE relname = 'late_orders_paid'"
        assert run(url, loose) == [(1,)]

        ended = carried_out(replace(order, action="down"))
        assert ended.code == 0, ended
        assert run(url, loose) == [(0,)]
        assert dumped(url, "public.*") == ways.before
        state = "SELECT state FROM pgtide.migration WHERE id = '{}'"
        assert run(url, state.format(PARTED_ID)) == [("rolled_back",)]
