"""Halving a batch that fails, down to one block: tried against every place of bad blocks."""

from dataclasses import replace
from itertools import combinations

import pytest

from pgtide.backfill.bisection import Bisection
from tests.unit.piece import PIECE as ONE

BLOCKS, WANTED = 24, 8
PIECE = replace(ONE, end_block=BLOCKS)


def walked(bad: set[int], wanted: int = WANTED) -> tuple[list[int], int]:
    """Return the blocks that were looked into, and how many batches it took."""
    piece, doubt, found, batches = PIECE, Bisection(), [], 0
    left = set(bad)
    while piece.cursor < BLOCKS:
        batches += 1
        assert batches < 20 * BLOCKS, "it does not end"
        blocks = min(doubt.blocks(piece, wanted), BLOCKS - piece.cursor)
        assert blocks >= 1
        if left & set(range(piece.cursor, piece.cursor + blocks)):
            if blocks > 1:
                doubt = doubt.failed(piece, blocks)
            else:
                found.append(piece.cursor)
                left.discard(piece.cursor)
                doubt = doubt.found()
            continue
        piece = replace(piece, cursor=piece.cursor + blocks)
        doubt = doubt.passed(piece, blocks, wanted)
    return found, batches


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_every_bad_block_is_found_and_none_is_looked_into_in_vain(count: int) -> None:
    for bad in combinations(range(BLOCKS), count):
        assert walked(set(bad))[0] == sorted(bad)


def test_without_a_bad_block_no_batch_is_smaller() -> None:
    assert walked(set()) == ([], BLOCKS // WANTED)


def test_one_bad_block_among_many_takes_a_logarithm_of_tries() -> None:
    assert max(walked({one})[1] for one in range(BLOCKS)) <= BLOCKS // WANTED + 12


def test_it_grows_again_after_a_find() -> None:
    doubt, sizes = Bisection().found(), []
    for _ in range(6):
        sizes.append(doubt.blocks(PIECE, 32))
        doubt = doubt.passed(PIECE, sizes[-1], 32)
    assert sizes == [1, 2, 4, 8, 16, 32]


def test_a_doubt_about_one_pass_says_nothing_of_the_next() -> None:
    doubt = Bisection().failed(PIECE, 8)
    assert doubt.blocks(PIECE, 8) == 4
    assert doubt.blocks(replace(PIECE, step=1), 8) == 8
