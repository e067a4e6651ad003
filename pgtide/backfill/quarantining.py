"""Find the rows of one block that cannot be filled, fill the others, put these in quarantine.

Of a batch of keys it is the one row.

Each part is a batch of its own, with its fence; the slice stays where it is until the block is
through. Killed in between, the block is tried again: what was filled is in step by then, and what
is in quarantine is left out.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pgtide.backfill.batch import Work, run_batch
from pgtide.backfill.keyed import ROW, bounds
from pgtide.backfill.next_batch import Batch, Fault, some_rows
from pgtide.backfill.outage import steadily
from pgtide.errors import Failed
from pgtide.events import RowQuarantined
from pgtide.ledger import quarantine
from pgtide.ledger.quarantine import Attempt, attempt_of
from pgtide.ledger.slices import Slice
from pgtide.ledger.worker import Worker
from pgtide.model.breaker import tripped
from pgtide.postgres.ddl import escaped, relation
from pgtide.postgres.faults import DataFault
from pgtide.postgres.session import Session

# How many reasons a message names: the rest is in the list.
_REASONS: Final = 3
_BLOCK: Final = "t.ctid >= %(low)s::tid AND t.ctid < %(high)s::tid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A version of a row: its place, the place after it, and who wrote it."""

    place: str
    past: str
    version: str


class Tripped(Failed):
    """Stop a backfill because too many rows fail."""

    code = "too_many_failing_rows"


def put_aside(worker: Worker, work: Work, piece: Slice, batch: Batch) -> Slice:
    """Fill the rows of a batch of one block, or key, and put those that fail in quarantine.

    Raises Tripped where these are too many; the batch itself is still to come.
    """
    one = _Block(worker, work, batch)
    pending = [_rows(worker, work, batch)]
    while pending:
        worker.check()
        part = pending.pop()
        if not part:
            continue
        try:
            piece = one.fill(piece, part)
        except DataFault as error:
            if len(part) > 1:
                middle = len(part) // 2
                pending += [part[middle:], part[:middle]]
            else:
                piece = one.hold(piece, part[0], error)
    return piece


class _Block:
    """Try some rows of one block."""

    def __init__(self, worker: Worker, work: Work, batch: Batch) -> None:
        self._worker = worker
        self._work = work
        self._batch = batch

    def fill(self, piece: Slice, rows: list[Row]) -> Slice:
        part = some_rows(piece, self._batch, (rows[0].place, rows[-1].past))
        return run_batch(self._worker, self._work, piece, part).after

    def hold(self, piece: Slice, row: Row, error: DataFault) -> Slice:
        steadily(self._worker, partial(refuse_more, self._worker))
        fault = Fault(version=row.version, sqlstate=error.sqlstate, reason=error.reason)
        part = replace(some_rows(piece, self._batch, (row.place, row.past)), fault=fault)
        after = run_batch(self._worker, self._work, piece, part).after
        told = RowQuarantined(slice_id=piece.id, sqlstate=fault.sqlstate, reason=fault.reason)
        self._worker.emit(told)
        return after


def _rows(worker: Worker, work: Work, batch: Batch) -> list[Row]:
    if work.keyed is not None and batch.keys is not None:
        query, where = work.keyed.row_after(batch.keys), bounds(batch.keys)
    else:
        # All of them, whatever the pass takes: the test of a row that it leaves may fail too.
        table = escaped(relation(work.table))
        query = f"{ROW} FROM ONLY {table} AS t WHERE {_BLOCK} ORDER BY t.ctid"
        where = {"low": f"({batch.cursor},0)", "high": f"({batch.cursor + 1},0)"}
    rows = steadily(worker, lambda session: session.rows(query, where, doing="reading a block"))
    return [Row(**row) for row in rows]


def first_reasons(session: Session, whose: Attempt) -> str:
    """Say why rows are in quarantine: the most frequent reasons, and no data."""
    found = quarantine.reasons(session, whose)
    said = [f"{one.reason} (SQLSTATE {one.sqlstate}, {one.rows:,})" for one in found[:_REASONS]]
    more = len(found) - len(said)
    return "; ".join([*said, *([f"and {more} more reasons"] if more else [])])


def refuse_more(worker: Worker, session: Session) -> None:
    """Raise Tripped where one row more in quarantine is one too many."""
    whose = attempt_of(worker.lease)
    held, filled = quarantine.count(session, whose), quarantine.filled(session, whose)
    why = tripped(held, filled, most=worker.plan.filling.quarantine)
    if why is None:
        return
    name = worker.plan.version
    raise Tripped(
        f"The backfill of {worker.plan.table} was stopped: {why}. The reasons: "
        f"{first_reasons(session, whose)}.",
        state=f"{filled:,} rows are filled and stay so; nothing was lost.",
        remedy=(
            f"`pgtide quarantine {name}` lists the rows. Mend them, or what refuses them, then "
            f"`pgtide up {name}` goes on; `pgtide down {name}` undoes it, where its expression is "
            "wrong."
        ),
    )
