"""Drive a slice to its end, batch by batch, at the pace that the target time allows."""

from pgtide.backfill.batch import Work, run_batch
from pgtide.backfill.doubt import Doubt
from pgtide.backfill.next_batch import next_batch
from pgtide.backfill.outage import steadily
from pgtide.backfill.pacing import Pacing
from pgtide.backfill.rate import batches_in_pass
from pgtide.backfill.throttle.wait import Before
from pgtide.errors import StatementFailed
from pgtide.ledger.slices import Slice
from pgtide.ledger.worker import Worker
from pgtide.postgres.catalog import read_size
from pgtide.postgres.faults import STATEMENT_TIMEOUT, DataFault


def drive(worker: Worker, work: Work, piece: Slice, pacing: Pacing, *, before: Before) -> Slice:
    """Walk a slice from its checkpoint to its end; raises what `run_batch` raises.

    `before` is called before each batch, and may keep it waiting.
    """
    limit, doubt = _limit(worker, piece), Doubt(worker, work)
    # Rounded up, or each pass would end with a batch of next to nothing. What are blocks here are
    # keys where the slice goes by key.
    parts = batches_in_pass(worker.plan.filling)
    most = max(1, -(-(limit - piece.first_block) // parts))
    while not piece.done:
        before(worker)
        pacing.before(worker, piece)
        wanted = doubt.blocks(piece, pacing.blocks(worker, piece, most=most))
        batch = next_batch(piece, blocks=wanted, limit=limit)
        if batch.end is None and piece.keys is None:
            # An open end would take all that was added since the slice was begun at once.
            limit = _limit(worker, piece)
            batch = next_batch(piece, blocks=wanted, limit=limit)
        try:
            outcome = run_batch(worker, work, piece, batch)
        except DataFault as error:
            # An open end takes what was added meanwhile, too.
            limit = _limit(worker, piece)
            piece = doubt.failed(piece, batch, error, limit=limit)
        except StatementFailed as error:
            if error.sqlstate != STATEMENT_TIMEOUT or not pacing.halve(worker, piece):
                raise
            worker.check()
        else:
            units = outcome.units
            blocks = max(1, limit - batch.cursor if units is None else units)
            pacing.after(worker, piece, outcome, blocks=blocks, most=most)
            piece = outcome.after
            doubt.passed(piece, blocks)
    return piece


def _limit(worker: Worker, piece: Slice) -> int:
    if piece.end_block is not None:
        return piece.end_block
    return steadily(worker, lambda session: read_size(session, piece.leaf)).blocks
