"""Which rows a batch takes: a run of blocks of one pass over a slice."""

from dataclasses import dataclass

from pgtide.ledger.slices import Move, Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Blocks [cursor, end) of one pass, and where the slice stands after it.

    `end` None is open-ended. `share` is the part of each page that the pass takes, from and below,
    in 256ths; None takes all that is left, as the last pass does.
    """

    cursor: int
    end: int | None
    share: tuple[int, int] | None
    move: Move


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


def _share(piece: Slice) -> tuple[int, int]:
    return (piece.schedule[piece.step - 1] if piece.step else 0, piece.schedule[piece.step])
