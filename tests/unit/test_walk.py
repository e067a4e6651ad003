"""Every block in every pass exactly once, however big the table, the slices and the batches are."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pgtide.backfill.walk import Walk, choose, cuts, next_batch
from pgtide.ledger.slices import Cut, Kind, Slice

BLOCKS = st.integers(min_value=0, max_value=20_000)
WALKS = st.builds(
    Walk,
    passes=st.sampled_from([1, 2, 8, 16]),
    slice_blocks=st.integers(min_value=1, max_value=3000),
    why=st.just("a test"),
)


def begun(cut: Cut) -> Slice:
    return Slice(
        id=1,
        kind=Kind.WALK,
        round=0,
        ordinal=cut.ordinal,
        filenode=1,
        first_block=cut.first_block,
        end_block=cut.end_block,
        passes=cut.passes,
        step=0,
        cursor=cut.first_block,
        rows=0,
        batches=0,
        state="open",
    )


def walked(
    piece: Slice, sizes: list[int], *, limit: int
) -> list[tuple[int | None, int, int | None]]:
    """Walk a slice with batches of these sizes, over and over; return share, first and end."""
    seen: list[tuple[int | None, int, int | None]] = []
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
    pieces = cuts(blocks, walk)
    edges = [piece.first_block for piece in pieces] + [blocks]
    assert edges[0] == 0
    assert [piece.end_block for piece in pieces] == edges[1:]
    assert [piece.ordinal for piece in pieces] == list(range(len(pieces)))
    assert all(piece.end_block and piece.first_block < piece.end_block for piece in pieces)


@given(
    st.integers(min_value=1, max_value=400),
    st.integers(min_value=0, max_value=10_000),
    st.sampled_from([1, 2, 8, 16]),
    st.lists(st.integers(min_value=1, max_value=500), min_size=1, max_size=5),
)
def test_every_pass_takes_every_block_exactly_once(
    length: int, first: int, passes: int, sizes: list[int]
) -> None:
    cut = Cut(ordinal=0, first_block=first, end_block=first + length, passes=passes)
    taken = Counter(
        (share, block)
        for share, low, high in walked(begun(cut), sizes, limit=first + length)
        for block in range(low, high if high is not None else first + length)
    )
    # The last pass takes all that is left, so it names no share.
    shares = [*range(passes - 1), None]
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
    ranges = walked(
        begun(Cut(ordinal=0, first_block=0, end_block=None, passes=1)), sizes, limit=limit
    )
    assert [end for _, _, end in ranges[:-1]] == [low for _, low, _ in ranges[1:]]
    assert ranges[0][1] == 0
    assert ranges[-1][2] is None


def test_a_small_table_and_a_pinned_horizon_are_walked_in_one_pass() -> None:
    assert choose(10, horizon_seconds=0).passes == 1
    assert choose(100_000, horizon_seconds=3600).passes == 1
    assert choose(100_000, horizon_seconds=1).passes == 16
