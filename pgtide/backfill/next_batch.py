"""Which rows a batch takes: a run of blocks of one pass over a slice."""

from dataclasses import dataclass, replace

from pgtide.ledger.slices import Move, Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a version of a row cannot be filled, without a value of it; `version` is its xmin."""

    version: str
    sqlstate: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Blocks [cursor, end) of one pass, and where the slice stands after it.

    `end` None is open-ended. `share` is the part of each page that the pass takes, from and below,
    in 256ths; None takes all that is left, as the last pass does. `rows` narrows it to the rows
    [first, last) of the one block; with a `fault` its one row goes to quarantine.
    """

    cursor: int
    end: int | None
    share: tuple[int, int] | None
    move: Move
    rows: tuple[int, int] | None = None
    fault: Fault | None = None

    @property
    def low(self) -> str:
        """Return the first place that it takes."""
        return f"({self.cursor},{self.rows[0] if self.rows else 0})"

    @property
    def high(self) -> str | None:
        """Return the place before which it ends; None is open-ended."""
        if self.rows:
            return f"({self.cursor},{self.rows[1]})"
        return None if self.end is None else f"({self.end},0)"


def next_batch(piece: Slice, *, blocks: int, limit: int) -> Batch:
    """Return a slice's next batch of at most so many blocks.

    `limit` is the table's present size, where an open-ended slice opens its last range.
    """
    stop = limit if piece.end_block is None else piece.end_block
    end = piece.cursor + blocks
    last_pass = piece.step == piece.passes - 1
    share = None if last_pass else _share(piece)
    if end < stop:
        return Batch(
            cursor=piece.cursor,
            end=end,
            share=share,
            move=Move(step=piece.step, cursor=end, done=False),
        )
    if last_pass:
        move = Move(step=piece.step, cursor=max(stop, piece.cursor), done=True)
    else:
        move = Move(step=piece.step + 1, cursor=piece.first_block, done=False)
    return Batch(cursor=piece.cursor, end=piece.end_block, share=share, move=move)


def some_rows(piece: Slice, batch: Batch, rows: tuple[int, int]) -> Batch:
    """Return the batch of some rows of a batch's first block; the slice stays where it is."""
    stay = Move(step=piece.step, cursor=piece.cursor, done=False)
    return replace(batch, end=batch.cursor + 1, rows=rows, move=stay)


def _share(piece: Slice) -> tuple[int, int]:
    return (piece.schedule[piece.step - 1] if piece.step else 0, piece.schedule[piece.step])
