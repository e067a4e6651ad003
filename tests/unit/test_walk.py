"""Every block in every pass exactly once, however big the table, the slices and the batches are."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgtide.backfill.next_batch import next_batch
from pgtide.backfill.walk import Walk, choose, cuts, uniform
from pgtide.ledger.slices import ONCE, Cut, Kind, Slice
from pgtide.model.backfill import Backfill
from pgtide.model.table import TableName
from pgtide.postgres.leaves import Leaf
from pgtide.postgres.terrain import Terrain

BLOCKS = st.integers(min_value=0, max_value=20_000)
WALKS = st.builds(
    Walk,
    schedule=st.sampled_from([uniform(passes) for passes in (1, 2, 7, 8, 10)]),
    slice_blocks=st.integers(min_value=1, max_value=3000),
    why=st.just("a test"),
)


def leaf(blocks: int) -> Leaf:
    return Leaf(oid=1, name=TableName(schema="public", name="t"), filenode=1, blocks=blocks)


def piece(first: int, end: int | None, schedule: tuple[int, ...]) -> Cut:
    return Cut(ordinal=0, leaf=1, filenode=1, first_block=first, end_block=end, schedule=schedule)


def begun(cut: Cut) -> Slice:
    return Slice(
        id=1,
        kind=Kind.WALK,
        round=0,
        ordinal=cut.ordinal,
        leaf=cut.leaf,
        filenode=cut.filenode,
        first_block=cut.first_block,
        end_block=cut.end_block,
        schedule=cut.schedule,
        step=0,
        cursor=cut.first_block,
        rows=0,
        hot=0,
        batches=0,
        state="open",
    )


def walked(
    piece: Slice, sizes: list[int], *, limit: int
) -> list[tuple[tuple[int, int] | None, int, int | None]]:
    """Walk a slice with batches of these sizes, over and over; return share, first and end."""
    seen: list[tuple[tuple[int, int] | None, int, int | None]] = []
    while not piece.done:
        batch = next_batch(piece, blocks=sizes[len(seen) % len(sizes)], limit=limit)
        seen.append((batch.share, batch.cursor, batch.end))
        piece = replace(
            piece,
            step=batch.move.step,
            cursor=batch.move.cursor,
            state="done" if batch.move.done else "open",
        )
        assert len(seen) < 1_000_000, "it does not end"
    return seen


@given(BLOCKS, WALKS)
def test_slices_cover_the_table_without_gap_or_overlap(blocks: int, walk: Walk) -> None:
    pieces = cuts(leaf(blocks), walk)
    edges = [piece.first_block for piece in pieces] + [blocks]
    assert edges[0] == 0
    assert [piece.end_block for piece in pieces] == edges[1:]
    assert [piece.ordinal for piece in pieces] == list(range(len(pieces)))
    assert all(piece.end_block and piece.first_block < piece.end_block for piece in pieces)


@given(
    st.integers(min_value=1, max_value=400),
    st.integers(min_value=0, max_value=10_000),
    st.sampled_from([ONCE, uniform(2), uniform(10), (44, 95, 147, 193, 228, 256)]),
    st.lists(st.integers(min_value=1, max_value=500), min_size=1, max_size=5),
)
def test_every_pass_takes_every_block_exactly_once(
    length: int, first: int, schedule: tuple[int, ...], sizes: list[int]
) -> None:
    cut = piece(first, first + length, schedule)
    taken = Counter(
        (share, block)
        for share, low, high in walked(begun(cut), sizes, limit=first + length)
        for block in range(low, high if high is not None else first + length)
    )
    # The last pass takes all that is left, so it names no share.
    bounds = list(zip((0, *schedule), schedule, strict=False))
    shares = [*bounds[:-1], None]
    expected = [(share, first + offset) for share in shares for offset in range(length)]
    assert taken == Counter(expected)


@given(
    st.integers(min_value=0, max_value=400),
    st.lists(st.integers(min_value=1, max_value=500), min_size=1, max_size=5),
)
def test_an_open_slice_ends_in_an_open_range_and_misses_nothing_before_it(
    limit: int, sizes: list[int]
) -> None:
    """The table may grow while it is walked: the last range has no end."""
    ranges = walked(begun(piece(0, None, ONCE)), sizes, limit=limit)
    assert [end for _, _, end in ranges[:-1]] == [low for _, low, _ in ranges[1:]]
    assert ranges[0][1] == 0
    assert ranges[-1][2] is None


@given(BLOCKS, WALKS)
def test_the_slices_of_a_sweep_end_in_the_open(blocks: int, walk: Walk) -> None:
    pieces = cuts(leaf(blocks), walk, open_end=True)
    assert pieces[0].first_block == 0
    assert [piece.end_block for piece in pieces] == [
        *(piece.first_block for piece in pieces[1:]),
        None,
    ]


TERRAIN = Terrain(
    blocks=100_000,
    rows=4_800_000,
    toast_blocks=0,
    fillfactor=100,
    indexed=(),
    horizon_seconds=0.01,
    pinned_by="",
    buffers=65_536,
)


def pinned(seconds: float) -> Terrain:
    return replace(TERRAIN, horizon_seconds=seconds, pinned_by="pid 7 (ann)")


@pytest.mark.parametrize(
    ("terrain", "schedule", "why"),
    [
        (TERRAIN, uniform(10), "stay on their page"),
        (replace(TERRAIN, blocks=10, rows=480), ONCE, "too few"),
        (pinned(3600), ONCE, "pid 7 (ann) has kept old row versions alive for 3600.0 s"),
        (pinned(30), ONCE, "pid 7 (ann) has kept old row versions alive for 30.0 s, which passes"),
        (pinned(0.1), uniform(8), "fewer of them since pid 7 (ann) has kept"),
        (replace(TERRAIN, rows=12_000_000), ONCE, "120 rows on a page"),
        (replace(TERRAIN, toast_blocks=900_000), ONCE, "TOAST"),
        (replace(TERRAIN, indexed=("email",)), ONCE, "an index on email"),
        (replace(TERRAIN, fillfactor=70), uniform(8), "fillfactor of 70"),
        (replace(TERRAIN, rows=0), uniform(10), "stay on their page"),
    ],
)
def test_the_walk_follows_from_the_terrain_and_says_why(
    terrain: Terrain, schedule: tuple[int, ...], why: str
) -> None:
    chosen = choose(terrain, Backfill(), workers=2)
    assert chosen.schedule == schedule
    assert why in chosen.why


def test_who_favours_time_gets_fewer_passes_the_first_of_which_make_room() -> None:
    schedule = choose(TERRAIN, Backfill(favour="time"), workers=2).schedule
    shares = [high - low for low, high in zip((0, *schedule), schedule, strict=False)]
    assert len(shares) < len(uniform(10))
    # What the first one moves away is all the room that the second has.
    assert shares[0] < shares[1] <= shares[2]
    assert shares[2:] == sorted(shares[2:], reverse=True)
    assert schedule[-1] == 256


@given(BLOCKS, st.integers(min_value=1, max_value=8))
def test_each_worker_has_four_slices_where_the_table_has_them(blocks: int, workers: int) -> None:
    terrain = replace(TERRAIN, blocks=blocks, rows=blocks * 48, horizon_seconds=0.0)
    pieces = cuts(leaf(blocks), choose(terrain, Backfill(), workers=workers))
    enough = blocks // 128
    assert len(pieces) >= min(4 * workers, enough - enough % workers) - 1


@given(
    blocks=st.integers(min_value=128, max_value=400_000),
    workers=st.integers(1, 8),
    buffers=st.integers(16, 200_000),
    age=st.floats(0, 2),
)
def test_no_worker_is_waited_for_while_it_has_an_odd_slice_to_walk(
    blocks: int, workers: int, buffers: int, age: float
) -> None:
    terrain = replace(
        TERRAIN, blocks=blocks, rows=blocks * 48, buffers=buffers, horizon_seconds=age
    )
    walk = choose(terrain, Backfill(), workers=workers)
    found = cuts(leaf(blocks), walk)
    sizes = [one.end_block - one.first_block for one in found if one.end_block is not None]
    assert max(sizes) >= 64
    # Nobody has nothing to do; where each has a whole slice, none has much more than another.
    assert len(found) >= min(workers, -(-blocks // 128))
    if blocks // 128 >= workers:
        assert -(-len(found) // workers) * max(sizes) <= 1.03 * blocks / workers + workers


def test_a_slice_outlasts_the_horizon_and_is_no_smaller_for_being_even() -> None:
    """A pass of a tenth of 150,000 rows a second, twice as long as the snapshot is old."""
    walk = choose(replace(TERRAIN, horizon_seconds=0.15), Backfill(), workers=2)
    assert walk.passes > 1
    assert walk.slice_blocks * 48 / walk.passes / 150_000 >= 2 * 0.15
