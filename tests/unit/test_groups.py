"""Slices in groups: a task run each, and never too many of them, however large the table."""

from dataclasses import replace
from functools import cache
from itertools import chain

import pytest

from pgtide.backfill.spread import grouped
from pgtide.ledger.slices import Slice
from tests.unit.piece import PIECE

# What is promised for a migration, less its phases and its preflight.
MOST = 300 - 10


@cache
def slices(number: int) -> tuple[Slice, ...]:
    return tuple(replace(PIECE, id=one, ordinal=one) for one in range(number))


@pytest.mark.parametrize("number", [1, 7, 199, 201, 401, 10_007, 123_457])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_a_table_of_any_size_has_few_groups_and_each_slice_is_in_one(
    number: int, share: float, workers: int
) -> None:
    pieces = slices(number)
    ahead = pieces[: round(number * share)]
    first = grouped(ahead, {one.id for one in ahead}, workers=workers, canary=True)
    then = grouped(pieces, {one.id for one in pieces[len(ahead) :]}, workers=workers)
    assert len(first) + len(then) < MOST
    assert list(chain.from_iterable(one.slices for one in (*first, *then))) == [*range(number)]


@pytest.mark.parametrize("number", [8, 11, 100, 5_000])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_whoever_is_free_takes_the_next_and_all_are_through_at_about_the_same_time(
    number: int, workers: int
) -> None:
    pieces = slices(number)
    busy = [0] * workers
    for group in grouped(pieces, set(range(number)), workers=workers):
        busy[busy.index(min(busy))] += len(group.slices)
    # As close as slices of one size could be spread one by one, but for one group of the last.
    assert max(busy) - min(busy) <= max(1, -(-number // 200))
