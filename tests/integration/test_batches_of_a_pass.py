"""How many batches a pass over a slice has, where the target alone would take it at once."""

from collections import Counter
from dataclasses import replace
from typing import Literal

import pytest

from pgtide import Backfill
from pgtide.backfill.rate import batches_in_pass
from pgtide.events import BatchCommitted, Event
from pgtide.model.state import Phase
from tests.driving import migrate
from tests.users import create_users, email_migration

# Of the strategy's table three slices, each of several passes.
ROWS = 30_000
# Longer than any batch here takes on any machine.
BATCH_MS = 60_000


@pytest.mark.parametrize(("favour", "many"), [("size", 4), ("time", 3)])
def test_a_pass_is_never_taken_at_once(
    database: str, favour: Literal["size", "time"], many: int
) -> None:
    create_users(database, rows=ROWS)
    filling = Backfill(workers=1, favour=favour, batch_ms=BATCH_MS)
    batches: Counter[tuple[int, int]] = Counter()

    def hear(event: Event) -> None:
        if isinstance(event, BatchCommitted) and event.kind == "walk":
            batches[event.slice_id, event.step] += 1

    migration = replace(email_migration(), backfill=filling)
    migrate(database, migration, until=Phase.BACKFILL, emit=hear)
    slices, passes = ({one[part] for one in batches} for part in (0, 1))
    assert len(slices) == 3
    assert len(passes) > 1
    # The first pass of each worker begins with small batches, to learn what a block costs.
    learnt = [count for (_, step), count in batches.items() if step > 0]
    assert set(learnt) == {many} == {batches_in_pass(filling)}
