"""One batch: a transaction that writes rows and moves the checkpoint, or does neither.

The checkpoint is in the target database and commits with the rows, so a crash loses both or
neither, also with synchronous_commit off (finding 5). The UPDATE of the slice row is the fence: it
carries the run's token, and a plain SELECT of the token is none (experiment 6).
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from pgtide.backfill.walk import Batch
from pgtide.errors import ConnectionLost, Failed, Refused
from pgtide.events import BatchBegan, BatchCommitted, BatchRetried
from pgtide.ledger import slices
from pgtide.ledger.heart import OUTAGE, away
from pgtide.ledger.record import fenced
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Slice
from pgtide.postgres.ddl import search_path
from pgtide.postgres.faults import Transient

# A batch keeps the rows it has locked while it waits for another's: short, or the application waits
# with it.
ROW_LOCK_WAIT: Final = timedelta(milliseconds=100)
# Far above the target: reached only where something is wrong with the plan of the statement.
STATEMENT_LIMIT: Final = timedelta(seconds=20)
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0
# Between two tries to connect to a server that restarts.
_KNOCK: Final = 0.2


class Rewritten(Exception):
    """The table was rewritten between two batches: its block numbers mean nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A statement over a range of blocks: parameters low, high, mask and share."""

    bounded: str
    open_ended: str
    shared: str

    def text(self, batch: Batch) -> str:
        """Return the statement that fits a batch."""
        if batch.share is not None:
            return self.shared
        return self.open_ended if batch.end is None else self.bounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a batch did."""

    rows: int
    seconds: float
    after: Slice


def run_batch(run: Run, work: Work, piece: Slice, batch: Batch) -> Outcome:
    """Run a batch until it is committed.

    Raises Fenced, Rewritten, or what bounded retries could not mend.

    After a crash of the server the ledger may be behind what this worker saw: the outcome then is
    where it stands.
    """
    tries = run.settings.batch_retries
    for attempt in range(1, tries + 1):
        run.check()
        run.emit(_began(piece, batch))
        begun = run.clock.monotonic()
        try:
            rows = _transaction(run, work, piece, batch)
        except Transient as error:
            _pause(run, piece, attempt, error)
        except ConnectionLost as error:
            _pause(run, piece, attempt, error)
            now = _reread(run, piece)
            if _place(now) != _place(piece):
                return _resolved(run, piece, batch, now, seconds=run.clock.monotonic() - begun)
        else:
            return _committed(run, piece, batch, rows=rows, seconds=run.clock.monotonic() - begun)
    raise Failed(
        f"A batch of {run.plan.table} did not get through in {tries} tries.",
        state="It was rolled back each time; the batches before it are committed.",
        remedy="See `pgtide history` for the reasons, then run `pgtide up` to go on.",
    )


def _transaction(run: Run, work: Work, piece: Slice, batch: Batch) -> int:
    with run.session.transaction(
        lock_timeout=ROW_LOCK_WAIT,
        statement_timeout=STATEMENT_LIMIT,
        # The application's own triggers fire too, and look for names.
        settings={"search_path": search_path(run.plan.table)},
    ) as session:
        # No row moved: a newer run has raised the token.
        if not slices.move(session, run.lease, piece, batch.move):
            raise fenced(run.lease)
        rows = session.execute(work.text(batch), _params(piece, batch), doing="filling a batch")
        # While the batch's own lock on the table is held, nobody can rewrite it: now the check is
        # final.
        if not slices.count(session, piece, rows=rows, table=run.plan.table):
            raise Rewritten
    return rows


def _params(piece: Slice, batch: Batch) -> dict[str, object]:
    return {
        "low": f"({batch.cursor},0)",
        "high": f"({batch.end},0)",
        "mask": piece.passes - 1,
        "share": batch.share,
    }


def _pause(run: Run, piece: Slice, attempt: int, error: Failed) -> None:
    run.emit(BatchRetried(slice_id=piece.id, attempt=attempt, reason=error.what))
    ceiling = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
    run.clock.sleep(ceiling * run.clock.chance())


def _reread(run: Run, piece: Slice) -> Slice:
    """Read a slice on a new connection, waiting for the server; raises what a run ends for."""
    deadline = run.clock.monotonic() + OUTAGE.total_seconds()
    while True:
        run.check()
        try:
            # Ends the old server process first: it could still commit (trap 63).
            run.reconnect()
            return slices.read_one(run.session, piece.id)
        except (ConnectionLost, Refused) as error:
            if run.clock.monotonic() > deadline:
                raise away(error) from error
        run.clock.sleep(_KNOCK)


def _resolved(run: Run, piece: Slice, batch: Batch, now: Slice, *, seconds: float) -> Outcome:
    """Return what became of a batch whose connection broke, when the ledger is not where it was."""
    if _place(now) == (batch.move.step, batch.move.cursor, batch.move.done):
        return _committed(run, piece, batch, rows=now.rows - piece.rows, seconds=seconds)
    return Outcome(rows=0, seconds=seconds, after=now)


def _place(piece: Slice) -> tuple[int, int, bool]:
    return (piece.step, piece.cursor, piece.done)


def _began(piece: Slice, batch: Batch) -> BatchBegan:
    return BatchBegan(
        slice_id=piece.id,
        kind=piece.kind,
        round=piece.round,
        step=piece.step,
        cursor=batch.cursor,
        end=batch.end,
    )


def _committed(run: Run, piece: Slice, batch: Batch, *, rows: int, seconds: float) -> Outcome:
    run.emit(
        BatchCommitted(
            slice_id=piece.id,
            kind=piece.kind,
            round=piece.round,
            step=piece.step,
            cursor=batch.cursor,
            end=batch.end,
            rows=rows,
            seconds=seconds,
        )
    )
    after = replace(
        piece,
        step=batch.move.step,
        cursor=batch.move.cursor,
        rows=piece.rows + rows,
        batches=piece.batches + 1,
        state="done" if batch.move.done else "open",
    )
    return Outcome(rows=rows, seconds=seconds, after=after)
