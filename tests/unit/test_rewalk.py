"""When several passes over a slice are given up, from how they fared before."""

from dataclasses import replace

import pytest

from pgtide.backfill.rewalk import fresh, in_vain
from pgtide.ledger.hot_share import Stayed
from pgtide.ledger.slices import Kind
from tests.unit.piece import PIECE

SLICE = replace(PIECE, ordinal=5, schedule=(128, 256))


@pytest.mark.parametrize(
    ("rows", "hot", "given_up"),
    [
        (10_000, 7_200, False),
        (10_000, 2_500, False),
        (10_000, 2_499, True),
        (10_000, 0, True),
        (999, 0, False),
        (0, 0, False),
    ],
)
def test_passes_are_given_up_where_few_rows_stayed(rows: int, hot: int, given_up: bool) -> None:
    assert in_vain(Stayed(rows=rows, hot=hot), ordinal=5) is given_up


def test_one_slice_in_eight_is_walked_as_it_was_cut() -> None:
    assert [n for n in range(20) if not in_vain(Stayed(rows=10_000, hot=0), n)] == [0, 8, 16]


def test_only_what_nobody_has_begun_is_thought_about_again() -> None:
    assert fresh(SLICE)
    assert not fresh(replace(SLICE, batches=1))
    assert not fresh(replace(SLICE, schedule=(256,)))
    assert not fresh(replace(SLICE, kind=Kind.SWEEP))
