"""What becomes of a batch that fails for what a row holds: it is halved, down to single rows."""

from typing import Final

from pgtide.backfill.batch import Work
from pgtide.backfill.bisection import Bisection
from pgtide.backfill.next_batch import Batch
from pgtide.backfill.quarantining import put_aside
from pgtide.ledger.slices import Slice
from pgtide.ledger.worker import Worker
from pgtide.postgres.faults import DataFault

# A block whose rows all get through alone, and not together, is no matter of one row.
_FRUITLESS: Final = 3


class Doubt:
    """Narrow the batches of one slice where they fail, and widen them again."""

    def __init__(self, worker: Worker, work: Work) -> None:
        self._worker = worker
        self._work = work
        self._state = Bisection()
        self._wanted = 1
        self._fruitless = 0

    def blocks(self, piece: Slice, wanted: int) -> int:
        """Return how many blocks the next batch takes, of those wanted."""
        self._wanted = wanted
        return self._state.blocks(piece, wanted)

    def passed(self, after: Slice, blocks: int) -> None:
        """Learn that a batch of so many blocks got through."""
        self._fruitless = 0
        self._state = self._state.passed(after, blocks, self._wanted)

    def failed(self, piece: Slice, batch: Batch, error: DataFault, *, limit: int) -> Slice:
        """Learn that a batch failed; return where its slice stands.

        Raises the error where no row can be put aside for it, and what the breaker raises.
        """
        self._worker.check()
        if not self._work.holding:
            raise error
        blocks = (limit if batch.end is None else batch.end) - batch.cursor
        if blocks > 1:
            self._state = self._state.failed(piece, blocks)
            return piece
        if self._fruitless >= _FRUITLESS:
            raise error
        after = put_aside(self._worker, self._work, piece, batch)
        self._fruitless += 1
        self._state = self._state.found()
        return after
