"""How big the next batch is: a pure function of how long the last ones took.

What a block costs is learnt as the median of the last few batches, so that one which had to wait
for somebody's lock says little; the size follows it in one step down and in bounded steps up.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

# The design's figures: grow gently, fall back hard when a batch took five times too long.
_GROW: Final = 1.2
_COLLAPSE: Final = 0.1
_COLLAPSE_AT: Final = 5.0
# Far from the target there is nothing to be gentle about: twice the blocks take twice the time.
_GROW_FAR: Final = 2.0
_FAR: Final = 0.5
# Twice the target is no noise any more: it is followed at once, whatever was learnt before.
_SLOW: Final = 2.0
_LARGEST: Final = 4096
# Keys that are in step already are only read: half a million a second.
MOST_KEYS: Final = 65_536
# Few enough to follow the table, many enough for two of them to be exceptions.
_MEMORY: Final = 5
# A first batch of 256 kB: small on any hardware; the pace grows from there.
FIRST_BLOCKS: Final = 32.0
# As small where rows are gone for by key: each one may be on a page of its own.
FIRST_KEYS: Final = 500.0
# About what a page holds: below that a batch costs what it costs whatever its size, and a machine
# that is slow for a while must not have it go row by row.
FEWEST_KEYS: Final = 50
# No clock tells less.
_INSTANT: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A number of blocks per batch, the seconds that a batch should take, and what blocks took.

    Of a walk by key the blocks are keys. It keeps between `fewest` and `largest` of them.
    """

    target: float
    blocks: float = FIRST_BLOCKS
    fewest: int = 1
    largest: int = _LARGEST
    costs: tuple[float, ...] = ()

    @property
    def whole(self) -> int:
        """Return the blocks of the next batch."""
        return max(1, round(self.blocks))

    @property
    def seconds(self) -> float:
        """Return how long the next batch is expected to take."""
        return self.whole * median(self.costs) if self.costs else self.target

    def after(self, seconds: float, *, blocks: int, most: int) -> "Pace":
        """Return the pace after a batch of so many blocks; never more than `most` blocks."""
        if 2 * blocks < self.whole and seconds <= self.target:
            # The rest of a pass: mostly what a batch costs whatever its size.
            return self
        costs = (*self.costs, max(seconds, _INSTANT) / blocks)[-_MEMORY:]
        learnt = replace(self, costs=costs)
        if seconds > self.target * _COLLAPSE_AT:
            return learnt.bounded(blocks * _COLLAPSE, most=most)
        wanted = self.target / median(costs)
        if seconds > self.target * _SLOW:
            wanted = min(wanted, blocks * self.target / seconds)
        growth = _GROW_FAR if seconds < self.target * _FAR else _GROW
        # A fifth of a few blocks is none: without one more it would stay there for good.
        return learnt.bounded(min(wanted, max(blocks * growth, blocks + 1.0)), most=most)

    def aiming(self, target: float) -> "Pace":
        """Return the pace for another target, as far as what was learnt tells its size."""
        if target == self.target:
            return self
        blocks = max(float(self.fewest), self.blocks * target / self.target)
        return replace(self, target=target, blocks=blocks)

    def halved(self) -> "Pace":
        """Return half the pace: a batch ran into its time limit."""
        # However few are left then: one row may take as long as the limit.
        return replace(self, fewest=1).bounded(self.blocks / 2, most=self.largest)

    def bounded(self, blocks: float, *, most: int) -> "Pace":
        """Return a pace of so many blocks, within what is sensible."""
        limit = float(max(1, min(most, self.largest)))
        return replace(self, blocks=min(max(float(self.fewest), blocks), limit))


def by_block(target: float) -> Pace:
    """Return the first pace of a walk from page to page."""
    return Pace(target=target)


def by_key(target: float) -> Pace:
    """Return the first pace of a walk along a key."""
    return Pace(target=target, blocks=FIRST_KEYS, fewest=FEWEST_KEYS, largest=MOST_KEYS)


def counted(seconds: float, worked: float) -> float:
    """Return of a batch's seconds what its size answers for.

    The wait for its log, after what it worked, may be as long however little that was: it counts as
    much again at most, else each batch would be smaller than the last on a disk that is slower than
    the target.
    """
    return min(seconds, 2 * worked)


class Paces:
    """Know the pace of each pass: the first moves rows, the last takes what is left.

    A worker keeps them from slice to slice.
    """

    def __init__(self, first: Callable[[float], Pace] = by_block) -> None:
        self._first = first
        self._known: dict[int, Pace] = {}
        self._last: Pace | None = None

    def of(self, step: int, target: float) -> Pace:
        """Return the pace of a pass, else the last one of another."""
        found = self._known.get(step) or self._last or self._first(target)
        return found.aiming(target)

    def learn(self, step: int, pace: Pace) -> None:
        """Keep the pace of a pass."""
        self._known[step] = self._last = pace
