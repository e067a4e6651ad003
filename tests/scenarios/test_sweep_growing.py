"""A table grows while its sweep is under way: what came is gone over in batches, too."""

from dataclasses import replace

from pgtide import Backfill
from pgtide.events import BatchCommitted, Event
from pgtide.ledger.slices import Kind
from pgtide.model.state import Phase, State
from pgtide.postgres.catalog import read_size
from pgtide.postgres.session import connect
from tests.driving import migrate, record_of
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users, email_migration

ROWS = 12_000
MORE = (
    "INSERT INTO public.users (id, email) SELECT 1000000 + i, 'new@example.org'"
    " FROM generate_series(1, 40000) i"
)


def blocks(url: str) -> int:
    with connect(url, purpose="test") as session:
        return read_size(session, record_of(url, MIGRATION_ID).table_oid).blocks


def test_an_open_end_that_has_moved_away_is_reached_batch_by_batch(database: str) -> None:
    create_users(database, rows=ROWS)
    swept: list[BatchCommitted] = []
    before = list[int]()

    def hear(event: Event) -> None:
        if isinstance(event, BatchCommitted) and event.kind is Kind.SWEEP and event.round == 0:
            if not swept:
                before.append(blocks(database))
                run(database, MORE)
            swept.append(event)

    migration = replace(email_migration(), backfill=Backfill(workers=1))
    assert migrate(database, migration, until=Phase.BACKFILL, emit=hear).state is State.BACKFILLED
    grown = blocks(database)
    assert grown > 2 * before[0]
    [last] = [one for one in swept if one.end is None]
    assert last is swept[-1]
    # No batch of the sweep takes more than a quarter of what there was when it was begun.
    assert grown - last.cursor <= -(-before[0] // 4)
