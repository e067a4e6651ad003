"""Drive a slice to its end, batch by batch, at the pace that the target time allows."""

from pgtide.backfill.batch import ROW_LOCK_WAIT, Work, run_batch
from pgtide.backfill.doubt import Doubt
from pgtide.backfill.locked import LockedOut
from pgtide.backfill.mishaps import Locked
from pgtide.backfill.next_batch import Batch, next_batch
from pgtide.backfill.outage import steadily
from pgtide.backfill.pacing import Pacing
from pgtide.backfill.rate import batches_in_pass
from pgtide.backfill.rules import Rules
from pgtide.errors import StatementFailed
from pgtide.ledger.slices import Slice
from pgtide.ledger.worker import Worker
from pgtide.postgres.catalog import read_size
from pgtide.postgres.faults import STATEMENT_TIMEOUT, DataFault, Transient
from pgtide.postgres.session import Session


def drive(worker: Worker, work: Work, piece: Slice, pacing: Pacing, *, rules: Rules) -> Slice:
    """Walk a slice from its checkpoint to its end; raises what `run_batch` raises, but Locked.

    What others keep locked is waited for in a slice that was left for it before; else the slice is
    returned as it is then, not done. An undo's archive, and a run that is not to wait, end in
    LockNotAcquired.
    """
    walk = _Walk(worker, work, piece, pacing)
    with LockedOut(worker, piece, rules.hold) as locked:
        while not walk.piece.done:
            try:
                # First the turn: whoever waits for that must not begin while something holds.
                with rules.turns.turn(worker):
                    rules.before(worker)
                    pacing.before(worker, walk.piece)
                    # It may have been held for long.
                    rules.turns.look(worker)
                    passed = walk.step()
            except Locked as met:
                if not locked.met(met):
                    break
            else:
                if passed:
                    locked.passed()
    return walk.piece


class _Walk:
    def __init__(self, worker: Worker, work: Work, piece: Slice, pacing: Pacing) -> None:
        self.piece = piece
        self._worker = worker
        self._work = work
        self._pacing = pacing
        self._doubt = Doubt(worker, work)
        # Where the slice ends, or the table did when it was last looked at; 0 until then.
        self._limit = self._most = 0

    def step(self) -> bool:
        """Run a batch; tell whether it got through."""
        piece, batch = self.piece, self._batch()
        try:
            outcome = run_batch(self._worker, self._work, piece, batch)
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
            units = outcome.units
            blocks = max(1, self._limit - batch.cursor if units is None else units)
            self._pacing.after(self._worker, piece, outcome, blocks=blocks, most=self._most)
            self.piece = outcome.after
            self._doubt.passed(self.piece, blocks)
            return True
        return False

    def _batch(self) -> Batch:
        if not self._most:
            self._begin()
        pace = self._pacing.blocks(self._worker, self.piece, most=self._most)
        wanted = self._doubt.blocks(self.piece, pace)
        batch = next_batch(self.piece, blocks=wanted, limit=self._limit)
        if batch.end is None and self.piece.keys is None:
            # An open end would take all that was added since the slice was begun at once.
            self._limit = self._end()
            batch = next_batch(self.piece, blocks=wanted, limit=self._limit)
        return batch

    def _begin(self) -> None:
        self._limit = self._end()
        # Rounded up, or each pass would end with a batch of next to nothing. What are blocks here
        # are keys where the slice goes by key.
        parts = batches_in_pass(self._worker.plan.filling)
        self._most = max(1, -(-(self._limit - self.piece.first_block) // parts))

    def _end(self) -> int:
        if self.piece.end_block is not None:
            return self.piece.end_block
        return steadily(self._worker, self._size)

    def _size(self, session: Session) -> int:
        # Also a look at its size waits for whoever has the table for themselves.
        try:
            with session.transaction(lock_timeout=ROW_LOCK_WAIT) as inside:
                return read_size(inside, self.piece.leaf).blocks
        except Transient as error:
            raise Locked(error.what) from error
