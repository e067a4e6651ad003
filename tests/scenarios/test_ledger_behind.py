"""The ledger is where a crash has put it back to, behind a worker that has not noticed."""

from dataclasses import replace

from pgtide import Backfill
from pgtide.events import BatchBegan, BatchCommitted, Event
from pgtide.model.state import Phase, State
from tests.driving import migrate
from tests.scenarios.ledger_truth import disagreements
from tests.small_table import run
from tests.users import create_users, email_migration

# As a crash leaves it, but for the rows: what is filled ahead of the ledger is passed over.
BACK = (
    "UPDATE pgtide.slice SET pass = 0, cursor = first_block, rows = 0, hot = 0, batches = 0"
    " WHERE id = {id}"
)


def test_a_worker_goes_on_from_where_the_ledger_stands(database: str) -> None:
    create_users(database, rows=12_000)
    began: list[BatchBegan] = []
    put_back = list[int]()

    def hear(event: Event) -> None:
        if isinstance(event, BatchBegan):
            began.append(event)
        elif isinstance(event, BatchCommitted) and len(began) == 3:
            put_back.append(event.slice_id)
            run(database, BACK.format(id=event.slice_id))

    migration = replace(email_migration(), backfill=Backfill(workers=1))
    assert migrate(database, migration, until=Phase.BACKFILL, emit=hear).state is State.BACKFILLED
    [again] = put_back
    behind = [one for one in began if one.slice_id == again and (one.step, one.cursor) == (0, 0)]
    assert len(behind) == 2
    # Only the count is less than what is filled: a crash would have taken those rows, too.
    [said] = disagreements(database)
    assert said.startswith("the ledger counts ")
