"""One batch: a transaction that writes rows and moves the checkpoint, or does neither.

The checkpoint is in the target database and commits with the rows, so a crash loses both or
neither, also with synchronous_commit off (finding 5). The UPDATE of the slice row is the fence: it
carries the run's token, and a plain SELECT of the token is none (experiment 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from pgtide.backfill.fill_settings import fill_settings
from pgtide.backfill.keyed import Keyed
from pgtide.backfill.linger import back_off
from pgtide.backfill.mishaps import Elsewhere, Locked, Rewritten, Taken
from pgtide.backfill.next_batch import Batch
from pgtide.backfill.outage import outlast, steadily
from pgtide.backfill.parameters import parameters
from pgtide.errors import ConnectionLost, Failed, StatementFailed
from pgtide.events import BatchBegan, BatchCommitted, BatchRetried
from pgtide.ledger import claims, slices
from pgtide.ledger.record import fenced
from pgtide.ledger.slices import Slice
from pgtide.ledger.worker import Worker
from pgtide.model.table import TableName
from pgtide.postgres.ddl import search_path
from pgtide.postgres.faults import NOT_AVAILABLE, Transient
from pgtide.postgres.keys import BY_INDEX
from pgtide.postgres.session import Session

# A batch keeps the rows it has locked while it waits for another's: short, or the application waits
# with it.
ROW_LOCK_WAIT: Final = timedelta(milliseconds=100)
# Far above the target: reached only where something is wrong with the plan of the statement.
STATEMENT_LIMIT: Final = timedelta(seconds=20)
_NO_TABLE: Final = "42P01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A statement over a range of blocks of a leaf: parameters low, high, share and below.

    `sparing` is the same for a range with rows in quarantine, whose places are the parameter kept.
    `holding` puts a row there; without it no row can be. `keyed` is the same over a range of keys.
    """

    table: TableName
    bounded: str
    open_ended: str
    shared: str
    sparing: "Work | None" = None
    holding: str = ""
    keyed: Keyed | None = None

    def text(self, batch: Batch, kept: Sequence[str] = ()) -> str:
        """Return the statement that fits a batch, with rows in quarantine at some places."""
        if batch.fault is not None:
            return self.holding
        if kept and self.sparing is not None:
            return self.sparing.text(batch)
        if batch.keys is not None and batch.rows is None and self.keyed is not None:
            return self.keyed.text(batch.keys)
        if batch.share is not None:
            return self.shared
        return self.open_ended if batch.end is None else self.bounded

    def settled(self, session: Session, batch: Batch) -> Batch:
        """Return a batch with its end, which the server knows where it goes by key."""
        return self.keyed.settled(session, batch) if self.keyed is not None else batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a batch did; `units` are the blocks or keys that it took, None being all there were.

    Of its `seconds` it `worked` some, and waited for its log with the others.
    """

    rows: int
    seconds: float
    worked: float
    after: Slice
    units: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Rows that a batch wrote, those of them that stayed on their page, and how long it worked.

    That is up to its commit; with the commit where the answer to that was lost.
    """

    rows: int
    hot: int
    worked: float


def run_batch(worker: Worker, work: Work, piece: Slice, batch: Batch) -> Outcome:
    """Run a batch until it is committed.

    Raises Fenced, Taken, Rewritten, Locked, or what bounded retries could not mend.

    After a crash of the server the ledger may be behind what this worker saw: the outcome then is
    where it stands.
    """
    tries = worker.settings.batch_retries
    for attempt in range(1, tries + 1):
        worker.check()
        worker.emit(_began(piece, batch))
        begun = worker.clock.monotonic()
        try:
            settled, filled = _transaction(worker, work, piece, batch)
        except Transient as error:
            if error.sqlstate == NOT_AVAILABLE:
                raise Locked(error.what) from error
            _pause(worker, piece, attempt, error)
        except Elsewhere:
            seconds = worker.clock.monotonic() - begun
            return _as_it_stands(worker, piece, batch, seconds=seconds)
        except ConnectionLost as error:
            _pause(worker, piece, attempt, error)
            now = outlast(worker, lambda session: slices.read_one(session, piece.id))
            if now.worker_id == worker.id and _stand(now) != _stand(piece):
                seconds = worker.clock.monotonic() - begun
                return _resolved(worker, piece, batch, now, seconds=seconds)
        else:
            seconds = worker.clock.monotonic() - begun
            return _committed(worker, piece, settled, filled, seconds=seconds)
    raise _given_up(worker, tries)


def _given_up(worker: Worker, tries: int) -> Failed:
    return Failed(
        f"A batch of {worker.plan.table} did not get through in {tries} tries.",
        state="It was rolled back each time; the batches before it are committed.",
        remedy="The log says why, at each try; then run `pgtide up` to go on.",
    )


def _transaction(worker: Worker, work: Work, piece: Slice, batch: Batch) -> tuple[Batch, Filled]:
    begun = worker.clock.monotonic()
    with worker.session.transaction(
        lock_timeout=ROW_LOCK_WAIT,
        statement_timeout=STATEMENT_LIMIT,
        settings=_settings(worker, piece),
    ) as session:
        batch = work.settled(session, batch)
        moved = slices.move(
            session,
            worker.lease,
            piece,
            batch.move,
            worker_id=worker.id,
            within=(batch.low, batch.high),
        )
        if moved is None:
            raise _lost(worker, piece)
        params = parameters(worker.lease, batch, moved.kept)
        rows = _written(worker, piece, work.text(batch, moved.kept), params)
        if batch.fault is not None:
            rows = 0
        # While the batch's own lock on the leaf is held, nobody can rewrite or detach it: now the
        # check is final.
        hot = slices.count(
            session, piece, moved, rows=rows, table=work.table, oid=worker.plan.table_oid
        )
        if hot is None:
            raise Rewritten(piece.leaf)
        worked = worker.clock.monotonic() - begun
    return batch, Filled(rows=rows, hot=hot - piece.hot, worked=worked)


def _written(worker: Worker, piece: Slice, text: str, params: dict[str, object]) -> int:
    # A range of blocks has the same plan whatever its ends; that of a range of keys hangs on them.
    execute = worker.session.execute_often if piece.keys is None else worker.session.execute
    try:
        return execute(text, params, doing="filling a batch")
    except StatementFailed as error:
        if error.sqlstate == _NO_TABLE and piece.leaf != worker.plan.table_oid:
            # Dropped, or renamed: its name is looked up anew.
            raise Rewritten(piece.leaf) from error
        raise


def _settings(worker: Worker, piece: Slice) -> dict[str, str]:
    how = {**worker.commits, **(BY_INDEX if piece.keys is not None else {})}
    if piece.kind is slices.Kind.ARCHIVE:
        return {"search_path": search_path(worker.plan.table), **how}
    return {**fill_settings(worker.plan), **how}


def _lost(worker: Worker, piece: Slice) -> Exception:
    # No row moved: a newer run has raised the token, another worker has claimed the slice, or the
    # run that was joined has given it up since its leaf was rewritten.
    now = claims.standing(worker.session, piece)
    if now is None or now.token != worker.lease.token:
        return fenced(worker.lease)
    if now.void:
        return Rewritten(piece.leaf)
    return Taken() if now.worker_id != worker.id else Elsewhere()


def _pause(worker: Worker, piece: Slice, attempt: int, error: Failed) -> None:
    worker.emit(BatchRetried(slice_id=piece.id, attempt=attempt, reason=error.what))
    back_off(worker, attempt)


def _resolved(worker: Worker, piece: Slice, batch: Batch, now: Slice, *, seconds: float) -> Outcome:
    """Return what became of a batch whose connection broke, when the ledger is not where it was."""
    # Nobody else moves a slice that this worker has: one batch more is this one. How far it went,
    # where it went by key, was lost with its answer.
    if batch.keys is not None and batch.rows is None:
        move = replace(batch.move, cursor=now.cursor, at=now.at, done=now.done)
        batch = replace(batch, end=now.cursor, move=move)
    if _stand(now) == (batch.move.step, batch.move.cursor, batch.move.done, piece.batches + 1):
        filled = Filled(rows=now.rows - piece.rows, hot=now.hot - piece.hot, worked=seconds)
        return _committed(worker, piece, batch, filled, seconds=seconds)
    return Outcome(rows=0, seconds=seconds, worked=seconds, after=now, units=_units(batch))


def _as_it_stands(worker: Worker, piece: Slice, batch: Batch, *, seconds: float) -> Outcome:
    now = steadily(worker, lambda session: slices.read_one(session, piece.id))
    if _stand(now) == _stand(piece):
        raise fenced(worker.lease)
    return Outcome(rows=0, seconds=seconds, worked=seconds, after=now, units=_units(batch))


def _stand(piece: Slice) -> tuple[int, int, bool, int]:
    # Some rows of a block leave the slice where it is: its batches tell, too.
    return (piece.step, piece.cursor, piece.done, piece.batches)


def _began(piece: Slice, batch: Batch) -> BatchBegan:
    return BatchBegan(
        slice_id=piece.id,
        kind=piece.kind,
        round=piece.round,
        step=piece.step,
        cursor=batch.cursor,
        end=batch.end,
    )


def _committed(
    worker: Worker, piece: Slice, batch: Batch, filled: Filled, *, seconds: float
) -> Outcome:
    worker.emit(
        BatchCommitted(
            slice_id=piece.id,
            kind=piece.kind,
            round=piece.round,
            step=piece.step,
            cursor=batch.cursor,
            end=batch.end,
            rows=filled.rows,
            seconds=seconds,
        )
    )
    after = replace(
        piece,
        step=batch.move.step,
        cursor=batch.move.cursor,
        at=batch.move.at,
        rows=piece.rows + filled.rows,
        hot=piece.hot + filled.hot,
        batches=piece.batches + 1,
        state="done" if batch.move.done else "open",
    )
    return Outcome(
        rows=filled.rows,
        seconds=seconds,
        worked=filled.worked,
        after=after,
        units=_units(batch),
    )


def _units(batch: Batch) -> int | None:
    return None if batch.end is None else batch.end - batch.cursor
