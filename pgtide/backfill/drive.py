"""Drive a slice to its end, batch by batch, at the pace that the target time allows."""

from pgtide.backfill.batch import Work, run_batch
from pgtide.backfill.next_batch import next_batch
from pgtide.backfill.pace import Pace
from pgtide.errors import StatementFailed
from pgtide.ledger.slices import Slice
from pgtide.ledger.worker import Worker
from pgtide.postgres.catalog import read_size
from pgtide.postgres.faults import STATEMENT_TIMEOUT

# A first batch of 256 kB: small on any hardware; the pace grows from there.
_FIRST_BLOCKS = 32


def drive(worker: Worker, work: Work, piece: Slice) -> Slice:
    """Walk a slice from its checkpoint to its end; raises what `run_batch` raises."""
    pace = Pace(blocks=_FIRST_BLOCKS, target=worker.settings.batch_target.total_seconds())
    limit = (
        read_size(worker.session, worker.plan.table_oid).blocks
        if piece.end_block is None
        else piece.end_block
    )
    # Never more than a quarter of a pass over the slice: a pause or a stop is never far.
    most = max(1, (limit - piece.first_block) // 4)
    while not piece.done:
        batch = next_batch(piece, blocks=pace.bounded(pace.blocks, most=most).whole, limit=limit)
        try:
            outcome = run_batch(worker, work, piece, batch)
        except StatementFailed as error:
            if error.sqlstate != STATEMENT_TIMEOUT or pace.whole == 1:
                raise
            worker.check()
            pace = pace.halved()
        else:
            piece = outcome.after
            pace = pace.after(outcome.seconds, most=most)
    return piece
