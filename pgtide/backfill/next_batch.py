"""Which rows a batch takes: a run of blocks of one pass over a slice, or a run of keys."""

from dataclasses import dataclass, replace

from pgtide.ledger.slices import KeyRange, Move, Slice, Values


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
    in 256ths; None takes all that is left, as the last pass does. `rows` narrows it to the rows at
    the places [first, last); with a `fault` its one row goes to quarantine. With `keys` it takes
    these, and cursor and end count them.
    """

    cursor: int
    end: int | None
    share: tuple[int, int] | None
    move: Move
    rows: tuple[str, str] | None = None
    fault: Fault | None = None
    keys: KeyRange | None = None

    @property
    def low(self) -> str:
        """Return the first place that it takes; rows with a key may be anywhere."""
        if self.rows:
            return self.rows[0]
        return "(0,0)" if self.keys else f"({self.cursor},0)"

    @property
    def high(self) -> str | None:
        """Return the place before which it ends; None is open-ended."""
        if self.rows:
            return self.rows[1]
        return None if self.end is None or self.keys else f"({self.end},0)"


def next_batch(piece: Slice, *, blocks: int, limit: int) -> Batch:
    """Return a slice's next batch of at most so many blocks.

    `limit` is the table's present size, where an open-ended slice opens its last range. Where it
    goes by key, the server has yet to say at which key so many end: `up_to_key`.
    """
    if piece.keys is not None:
        return _next_keys(piece, piece.keys, blocks)
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


def up_to_key(batch: Batch, *, found: int, at: Values | None) -> Batch:
    """Return a batch of keys as the server has found them: so many, and the last one of them."""
    keys = batch.keys
    if keys is None or batch.end is None:
        return batch
    done, end = found < batch.end - batch.cursor, batch.cursor + found
    # The last batch of a slice ends where the slice does: so does the next slice begin there.
    last = keys.upto if done else at
    move = replace(batch.move, cursor=end, done=done, at=at if found else keys.after)
    return replace(batch, end=end, keys=replace(keys, upto=last), move=move)


def some_rows(piece: Slice, batch: Batch, rows: tuple[str, str]) -> Batch:
    """Return the batch of some rows of a batch of one unit; the slice stays where it is."""
    stay = Move(step=piece.step, cursor=piece.cursor, done=False, at=piece.at)
    return replace(batch, end=batch.cursor + 1, rows=rows, move=stay)


def _next_keys(piece: Slice, keys: KeyRange, number: int) -> Batch:
    end = piece.cursor + number
    return Batch(
        cursor=piece.cursor,
        end=end,
        share=None,
        move=Move(step=piece.step, cursor=end, done=False),
        keys=replace(keys, after=piece.at),
    )


def _share(piece: Slice) -> tuple[int, int]:
    return (piece.schedule[piece.step - 1] if piece.step else 0, piece.schedule[piece.step])
