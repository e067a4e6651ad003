"""Drive a slice to its end, batch by batch, at the pace that the target time allows."""

from pgtide.backfill.batch import Work, run_batch
from pgtide.backfill.doubt import Doubt
from pgtide.backfill.locked import LockedOut
from pgtide.backfill.mishaps import Locked
from pgtide.backfill.next_batch import Batch, next_batch
from pgtide.backfill.outage import steadily
from pgtide.backfill.pacing import Pacing
from pgtide.backfill.rate import batches_in_pass
from pgtide.backfill.throttle.wait import Before
from pgtide.backfill.turns import Turns
from pgtide.errors import StatementFailed
from pgtide.ledger.slices import Slice
from pgtide.ledger.worker import Worker
from pgtide.postgres.catalog import read_size
from pgtide.postgres.faults import STATEMENT_TIMEOUT, DataFault


def drive(
    worker: Worker, work: Work, piece: Slice, pacing: Pacing, *, before: Before, turns: Turns
) -> Slice:
    """Walk a slice from its checkpoint to its end; raises what `run_batch` raises, but Locked.

    `before` is called before each batch, and may keep it waiting. What others keep locked is waited
    for; only an undo's archive ends in LockNotAcquired.
    """
    with LockedOut(worker) as locked:
        walk = _Walk(worker, work, piece, pacing=pacing, locked=locked)
        while not walk.piece.done:
            try:
                # First the turn: whoever waits for that must not begin while something holds.
                with turns.turn(worker):
                    before(worker)
                    pacing.before(worker, walk.piece)
                    walk.step()
            except Locked as met:
                locked.met(walk.piece, met)
        return walk.piece


class _Walk:
    def __init__(
        self, worker: Worker, work: Work, piece: Slice, *, pacing: Pacing, locked: LockedOut
    ) -> None:
        self.piece = piece
        self._worker = worker
        self._work = work
        self._pacing = pacing
        self._locked = locked
        self._doubt = Doubt(worker, work)
        self._limit = self._end()
        # Rounded up, or each pass would end with a batch of next to nothing. What are blocks here
        # are keys where the slice goes by key.
        parts = batches_in_pass(worker.plan.filling)
        self._most = max(1, -(-(self._limit - piece.first_block) // parts))

    def step(self) -> None:
        piece, batch = self.piece, self._batch()
        patience = self._locked.patience(piece)
        try:
            outcome = run_batch(self._worker, self._work, piece, batch, patience=patience)
        except DataFault as error:
            # An open end takes what was added meanwhile, too.
            self._limit = self._end()
            self.piece = self._doubt.failed(piece, batch, error, limit=self._limit)
        except StatementFailed as error:
            timeout = error.sqlstate == STATEMENT_TIMEOUT
            if not timeout or not self._pacing.halve(self._worker, piece):
                raise
            self._worker.check()
        else:
            blocks = outcome.units
            if blocks is None:
                blocks = max(1, self._limit - batch.cursor)
            self._locked.passed()
            self._pacing.after(self._worker, piece, outcome, blocks=blocks, most=self._most)
            self.piece = outcome.after
            self._doubt.passed(self.piece, blocks)

    def _batch(self) -> Batch:
        pace = self._pacing.blocks(self._worker, self.piece, most=self._most)
        wanted = self._doubt.blocks(self.piece, pace)
        batch = next_batch(self.piece, blocks=wanted, limit=self._limit)
        if batch.end is None and self.piece.keys is None:
            # An open end would take all that was added since the slice was begun at once.
            self._limit = self._end()
            batch = next_batch(self.piece, blocks=wanted, limit=self._limit)
        return batch

    def _end(self) -> int:
        if self.piece.end_block is not None:
            return self.piece.end_block
        leaf = self.piece.leaf
        return steadily(self._worker, lambda session: read_size(session, leaf)).blocks
