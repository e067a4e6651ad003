"""Which rows a batch takes: page-interleaved passes over slices of heap blocks.

Each pass moves a share of every page's rows. The first moves its share to other pages; once that is
committed, page pruning gives the space back, and the later passes update in place (HOT): hardly any
bloat, hardly any new index entries, half the WAL. The method and its figures are in
docs/backfill.md.
"""

from dataclasses import dataclass
from typing import Final

from pgtide.ledger.slices import Cut, Move, Slice

# Measured best of 8, 16, 32 and 64 on rows of 170 bytes: table 1.09 of minimal, index 1.02.
_PASSES: Final = 16
# 16 MB: a pass over it takes long enough for the pass before to be visible to all, and short enough
# to balance.
_SLICE_BLOCKS: Final = 2048
# Below this a pass has too few rows to be worth its own batches.
_SMALL_BLOCKS: Final = 128
# An xmin horizon this old is pinned: nothing is pruned meanwhile, and passes only cost.
_PINNED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How a table is walked, and why so."""

    passes: int
    slice_blocks: int
    why: str


def choose(blocks: int, *, horizon_seconds: float) -> Walk:
    """Choose passes and slices for a table of so many blocks under a horizon of that age."""
    if blocks < _SMALL_BLOCKS:
        return Walk(
            passes=1,
            slice_blocks=_SMALL_BLOCKS,
            why=f"{blocks} blocks are too few for several passes",
        )
    if horizon_seconds > _PINNED_SECONDS:
        why = (
            f"a transaction of {horizon_seconds:.0f} s keeps old row versions alive, so passes "
            "would not help"
        )
        return Walk(passes=1, slice_blocks=_SLICE_BLOCKS, why=why)
    why = (
        f"{_PASSES} passes over slices of {_SLICE_BLOCKS} blocks, so that most updates stay on "
        "their page"
    )
    return Walk(passes=_PASSES, slice_blocks=_SLICE_BLOCKS, why=why)


def cuts(blocks: int, walk: Walk) -> list[Cut]:
    """Cut a table of so many blocks into slices."""
    return [
        Cut(
            ordinal=ordinal,
            first_block=first,
            end_block=min(first + walk.slice_blocks, blocks),
            passes=walk.passes,
        )
        for ordinal, first in enumerate(range(0, blocks, walk.slice_blocks))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Blocks [cursor, end) of one pass, and where the slice stands after it.

    `end` None is open-ended.
    """

    cursor: int
    end: int | None
    share: int | None
    move: Move


def next_batch(piece: Slice, *, blocks: int, limit: int) -> Batch:
    """Return a slice's next batch of at most so many blocks.

    `limit` is the table's present size, where an open-ended slice opens its last range. `share` is
    the part of each page that the pass takes; None takes all that is left, as the last pass does.
    """
    stop = limit if piece.end_block is None else piece.end_block
    end = piece.cursor + blocks
    last_pass = piece.step == piece.passes - 1
    share = None if last_pass else piece.step
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
