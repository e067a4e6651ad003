"""Spread the slices of a round over groups and workers, until none is open.

Other processes may have joined: what they hold is waited for, and taken where they die.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from pgtide.backfill.crew import Crew, Works
from pgtide.backfill.outage import steadily
from pgtide.ledger import claims, slices
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Kind, Slice

# The orchestrator shows one task run per group: below 300 a migration, most of them for the
# backfill. A table of a thousand partitions has a canary in each.
_GROUPS: Final = 200
_CANARY_GROUPS: Final = 50
# How soon a slice is noticed that another process has given back.
_POLL: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Consecutive slices that are shown and worked as one."""

    number: int
    of: int
    slices: tuple[int, ...]


class Spread(Protocol):
    """How groups are spread over workers; each call of the work fills one and returns its rows.

    A call that finds all workers at work waits for one. Raises what the first that failed raised,
    when none is at work any more.
    """

    def __call__(self, work: Callable[[Group], int], groups: Sequence[Group], workers: int) -> None:
        """Work all groups; so many at a time keep all workers at work."""
        ...


def side_by_side(work: Callable[[Group], int], groups: Sequence[Group], workers: int) -> None:
    """Work the groups in their order, so many at a time, each in a thread."""
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="pgtide worker") as pool:
        futures = [pool.submit(work, group) for group in groups]
        try:
            for future in as_completed(futures):
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def spread(
    crew: Crew,
    works: Works,
    kind: Kind,
    *,
    number: int,
    over: Spread,
    workers: int,
    canary: bool = False,
) -> None:
    """Fill all slices of a round, by so many workers; raises what ended the walk of any.

    `canary` ends with the first slices, which are to be judged before the others.
    """
    run = crew.run
    silence = run.settings.lease.total_seconds()
    ask = partial(claims.free, lease=run.lease, kind=kind, round_=number, silence=silence)
    # Counted, not read: a big table has tens of thousands, and who waits asks five times a second.
    left = partial(slices.left, lease=run.lease, kind=kind, round_=number, canary=canary)
    # More workers than slices would have nothing to do, and none has where all is done.
    workers = min(workers, steadily(run, left))
    if not workers:
        return
    with crew.round(workers):
        while steadily(run, left):
            free = steadily(run, ask)
            if free:
                pieces = _pieces(run, kind, number, canary=canary)
                groups = grouped(pieces, set(free), workers=workers, canary=canary)
                over(lambda group: crew.fill(works, group.slices), groups, workers)
            elif not crew.give_back():
                run.check()
                run.clock.sleep(_POLL)


def grouped(
    pieces: Sequence[Slice], free: set[int], *, workers: int, canary: bool = False
) -> list[Group]:
    """Return the free slices in groups of neighbours, the first ones the largest.

    Each is a worker's half share of what is left: so few groups do, and no worker is left with much
    when the others are through (guided self-scheduling; Polychronopoulos and Kuck, 1987).
    """
    packs = _packs(pieces, workers=workers, most=_CANARY_GROUPS if canary else _GROUPS)
    return [
        Group(
            number=number,
            of=len(packs),
            slices=tuple(piece.id for piece in pack if piece.id in free),
        )
        for number, pack in enumerate(packs, start=1)
        if any(piece.id in free for piece in pack)
    ]


def _packs(pieces: Sequence[Slice], *, workers: int, most: int) -> list[Sequence[Slice]]:
    least = -(-len(pieces) // most)
    packs = []
    while pieces:
        size = max(least, -(-len(pieces) // (2 * workers)))
        packs.append(pieces[:size])
        pieces = pieces[size:]
    return packs


def _pieces(run: Run, kind: Kind, number: int, *, canary: bool) -> list[Slice]:
    found = steadily(run, partial(slices.read, lease=run.lease, kind=kind, round_=number))
    return [piece for piece in found if piece.canary or not canary]
