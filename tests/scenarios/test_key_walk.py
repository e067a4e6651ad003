"""A backfill along a key: every kind of key, its gaps and its order, forward to verified."""

from dataclasses import replace

from pgtide import Backfill, Migration, ReplaceColumn
from pgtide.events import BatchCommitted, Event
from pgtide.ledger.slices import Kind
from pgtide.model.state import State
from tests.driving import migrate
from tests.small_table import run, small_migration

KEYED = Backfill(walk="key", workers=1)


def keyed_migration(filling: Backfill = KEYED) -> Migration:
    """Return the small migration, walked along a key."""
    return replace(small_migration(ReplaceColumn("a", type="bigint")), backfill=filling)


class Batches:
    """Keep what batches of the walk did."""

    def __init__(self) -> None:
        self.walk: list[BatchCommitted] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, BatchCommitted) and event.kind == Kind.WALK:
            self.walk.append(event)


def test_a_table_is_walked_along_its_primary_key_and_verified(database: str) -> None:
    run(
        database,
        "CREATE TABLE public.t (id int PRIMARY KEY, a int)",
        "INSERT INTO public.t SELECT g, g FROM generate_series(1, 5000) g",
    )
    batches = Batches()
    record = migrate(database, keyed_migration(), emit=batches)

    assert record.state is State.VERIFIED
    assert sum(one.rows for one in batches.walk) == 5000
    [[columns, slices]] = run(
        database,
        "SELECT min(key_columns), count(*) FROM pgtide.slice WHERE kind = 'walk'",
    )
    assert columns == ["id"]
    assert slices > 1
