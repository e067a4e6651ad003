"""How a table is walked: page-interleaved passes over slices of heap blocks, or along a key.

Each pass moves a share of every page's rows. The first moves its share to other pages; once that is
committed, page pruning gives the space back, and the later passes update in place (HOT): hardly any
bloat, hardly any new index entries, half the WAL. It helps only where an update can stay on its
page, and where row versions may be pruned: all of that is known before, and said. The method and
its figures are in docs/backfill.md.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from pgtide.backfill.leading_key import leading_key, why_by_key
from pgtide.ledger.slices import ONCE, Cut
from pgtide.model.backfill import Backfill
from pgtide.postgres.keys import Key
from pgtide.postgres.leaves import Leaf
from pgtide.postgres.terrain import Terrain

# Measured best of 8 to 64 on rows of 110 bytes: with fewer the table grows, with more it takes
# longer (docs/backfill.md).
_PASSES: Final = 10
# Fewer, where pages have room already, or where a table is too small for more.
_FEWER: Final = 8
# The parts of a page are counted in 256ths: eight bits of a hash.
_WHOLE: Final = 256
# Fewer passes of unequal share: the first makes room for the next two, which are the largest. The
# larger the first, the faster, and the larger the indexes (docs/backfill.md has what was measured).
_UNEQUAL: Final = (44, 95, 147, 193, 228, 256)
# 16 MB: a pass over it takes long enough for the pass before to be visible to all.
_SLICE_BLOCKS: Final = 2048
# So that no worker is left with much when the others are through.
_SLICES_PER_WORKER: Final = 4
# Below this a pass has too few rows to be worth its own batches.
_SMALL_BLOCKS: Final = 128
# Of a walk by key: few enough for a worker's share to be taken over, many enough for full batches.
_SLICE_KEYS: Final = 250_000
_SMALL_KEYS: Final = 1_000
# An xmin horizon this old is pinned: nothing is pruned meanwhile, and passes only cost.
_PINNED_SECONDS: Final = 60.0
# Rows of 40 bytes took 1.5 times one UPDATE in 16 passes, and 1.06 times in one.
_NARROW_ROWS: Final = 90.0
# What is kept apart is not written again, and most of the table's size: its heap may double.
_TOASTED: Final = 3.0
# With this much room left on its pages by its owner, a table needs fewer passes.
_ROOMY: Final = 80
# How fast one worker writes rows, to tell how long a pass takes; measured 100,000 to 170,000.
_ROWS_PER_SECOND: Final = 150_000.0
# Where nobody has counted them.
_ROWS_PER_PAGE: Final = 50.0
# A pass takes at least so many times the horizon's age, or the one before is not prunable yet.
_HORIZONS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How a table is walked, and why so; along its key where it has one, so many at a time."""

    schedule: tuple[int, ...]
    slice_blocks: int
    why: str
    key: Key | None = None
    slice_keys: int = 0

    @property
    def passes(self) -> int:
        """Return how often each slice is walked."""
        return len(self.schedule)

    @property
    def slice_units(self) -> int:
        """Return how many blocks, or keys, a slice has."""
        return self.slice_blocks if self.key is None else self.slice_keys


# A partitioned table may have no partition yet.
NOWHERE: Final = Walk(schedule=ONCE, slice_blocks=_SLICE_BLOCKS, why="there is no row yet")


def uniform(passes: int) -> tuple[int, ...]:
    """Return a schedule of so many equal shares of each page."""
    return tuple(_WHOLE * number // passes for number in range(1, passes + 1))


def choose(terrain: Terrain, filling: Backfill, *, workers: int) -> Walk:
    """Choose passes and slices for a table, as its author favours it.

    Raises Refused where it has to go along a key and has none that can serve.
    """
    key = leading_key(terrain, filling)
    if key is not None:
        return _along(key, terrain, filling, workers)
    once = _once(terrain)
    if once:
        return Walk(schedule=ONCE, slice_blocks=_slice(terrain, workers), why=once)
    schedule, why = _schedule(terrain, filling)
    blocks = _slice(terrain, workers)
    wanted = _horizon_blocks(terrain, len(schedule))
    if wanted > blocks and len(schedule) > _FEWER:
        schedule = uniform(_FEWER)
        why = f"fewer of them since {_pinned(terrain)}"
        wanted = _horizon_blocks(terrain, _FEWER)
    if wanted > terrain.blocks // workers:
        why = f"{_pinned(terrain)}, which passes over so few rows would not outlast"
        return Walk(schedule=ONCE, slice_blocks=blocks, why=why)
    if wanted > blocks:
        blocks = -(-terrain.blocks // _even(terrain.blocks // wanted, workers))
    return Walk(
        schedule=schedule,
        slice_blocks=blocks,
        why=f"{len(schedule)} passes over slices of {blocks} blocks, {why}",
    )


def sweep(blocks: int, *, workers: int) -> Walk:
    """Return how a round of the sweep goes over a table: once, in a piece for each worker."""
    return Walk(
        schedule=ONCE,
        slice_blocks=max(_SMALL_BLOCKS, -(-blocks // workers)),
        why="the sweep looks at every row once",
    )


def count_cuts(units: int, walk: Walk, share: float) -> int:
    """Return how many slices a leaf of so many blocks or keys has, with those of its canary."""
    first = math.ceil(units * share)
    return -(-first // walk.slice_units) + -(-(units - first) // walk.slice_units)


def cuts_with_canary(leaf: Leaf, walk: Walk, share: float, *, after: int = 0) -> list[Cut]:
    """Cut a leaf into slices, so that the first ones are no more than a share of it."""
    first = math.ceil(leaf.blocks * share)
    ahead = cuts(replace(leaf, blocks=first), walk, after=after)
    behind = cuts(replace(leaf, blocks=leaf.blocks - first), walk, after=after + len(ahead))
    return [
        *(replace(one, canary=True) for one in ahead),
        *(
            replace(
                one,
                first_block=one.first_block + first,
                end_block=None if one.end_block is None else one.end_block + first,
            )
            for one in behind
        ),
    ]


def cuts(leaf: Leaf, walk: Walk, *, after: int = 0, open_end: bool = False) -> list[Cut]:
    """Cut a leaf into slices, of which so many are cut already; an open end is the last one's."""
    firsts = list(range(0, leaf.blocks, walk.slice_blocks)) or ([0] if open_end else [])
    ends: list[int | None] = [min(first + walk.slice_blocks, leaf.blocks) for first in firsts]
    if open_end:
        ends[-1] = None
    return [
        Cut(
            ordinal=ordinal,
            leaf=leaf.oid,
            filenode=leaf.filenode,
            first_block=first,
            end_block=end,
            schedule=walk.schedule,
        )
        for ordinal, (first, end) in enumerate(zip(firsts, ends, strict=True), start=after)
    ]


def _along(key: Key, terrain: Terrain, filling: Backfill, workers: int) -> Walk:
    fair = math.ceil(keys_in(terrain) / (_SLICES_PER_WORKER * workers))
    return Walk(
        schedule=ONCE,
        slice_blocks=0,
        why=why_by_key(terrain, filling, key),
        key=key,
        slice_keys=max(_SMALL_KEYS, min(_SLICE_KEYS, fair)),
    )


def keys_in(terrain: Terrain) -> int:
    """Return how many rows a table has, as far as is known."""
    return math.ceil(terrain.rows or terrain.blocks * _ROWS_PER_PAGE)


def _once(terrain: Terrain) -> str:
    """Return why passes would not help, or nothing."""
    if terrain.blocks < _SMALL_BLOCKS:
        return f"{terrain.blocks} blocks are too few for several passes"
    if terrain.horizon_seconds > _PINNED_SECONDS:
        return f"{_pinned(terrain)}, so passes would not help"
    if terrain.indexed:
        names = ", ".join(terrain.indexed)
        return f"an index on {names} takes a new entry for each row, so passes would not help"
    if terrain.rows_per_page > _NARROW_ROWS:
        return (
            f"{terrain.rows_per_page:.0f} rows on a page are written faster than they are looked "
            "for several times"
        )
    if terrain.toast_blocks > _TOASTED * terrain.blocks:
        return "most of the table is kept apart (TOAST) and not written again"
    return ""


def _schedule(terrain: Terrain, filling: Backfill) -> tuple[tuple[int, ...], str]:
    if terrain.fillfactor <= _ROOMY:
        return uniform(_FEWER), f"since a fillfactor of {terrain.fillfactor} left room on each page"
    if filling.favour == "time":
        return _UNEQUAL, "the second and the third the largest, for the shortest time"
    return uniform(_PASSES), "so that most updates stay on their page"


def _slice(terrain: Terrain, workers: int) -> int:
    # Its pages are to stay in the cache from one pass to the next.
    cached = min(_SLICE_BLOCKS, terrain.buffers // (_SLICES_PER_WORKER * workers))
    fair = -(-terrain.blocks // (_SLICES_PER_WORKER * workers))
    size = max(_SMALL_BLOCKS, min(cached, fair))
    # Of a small table one for each worker, even if it is less than a slice should have.
    least = min(workers, -(-terrain.blocks // _SMALL_BLOCKS))
    most = max(least, _even(terrain.blocks // _SMALL_BLOCKS, workers))
    number = min(workers * -(-terrain.blocks // (size * workers)), most)
    return max(1, -(-terrain.blocks // max(1, number)))


def _even(number: int, workers: int) -> int:
    """Return at most so many slices, the same number for each worker where there are enough.

    All of them of one size: whoever had the odd one would be waited for.
    """
    return number - number % workers if number >= workers else number


def _pinned(terrain: Terrain) -> str:
    who = terrain.pinned_by
    return f"{who} has kept old row versions alive for {terrain.horizon_seconds:.1f} s"


def _horizon_blocks(terrain: Terrain, passes: int) -> int:
    """Return how big a slice must be for a pass over it to outlast the horizon."""
    rows = _HORIZONS * terrain.horizon_seconds * _ROWS_PER_SECOND * passes
    return round(rows / (terrain.rows_per_page or _ROWS_PER_PAGE))
