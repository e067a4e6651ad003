"""Time per row, and a worker's memory, on a table and on one of thirty times the rows.

Of pgtide the walk counts, from the first batch on: what a run does to begin would make the rows of
a small table look dear, and hide how those of a big one grow dearer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.bench.backfill import Race, Tries
from tests.bench.contenders import ONE_UPDATE, TWO_WORKERS
from tests.bench.dataset import Dataset
from tests.bench.footprint import Footprint
from tests.bench.rotation import rotated
from tests.bench.tables import STRATEGY
from tests.bench.walked import Walked

# Of the rows asked for: 0.3, 1, 3 and 10 million of one.
SHARES: Final = (0.3, 1.0, 3.0, 10.0)
RUNS: Final = 3
CONTENDERS: Final = (ONE_UPDATE, TWO_WORKERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """A contender at one size: its tries, and its process in the one in which that grew most."""

    contender: str
    rows: int
    tries: tuple[float, ...]
    process: Walked | None

    @property
    def seconds(self) -> float:
        """Return the median."""
        return median(self.tries)

    @property
    def per_row(self) -> float:
        """Return the microseconds that a row took."""
        return 1e6 * self.seconds / self.rows


def measure(
    data: Dataset, *, rows: int, runs: int, say: Callable[[str], None]
) -> tuple[Scaled, ...]:
    """Let the two fill tables of each size, in turn."""
    sizes = [max(1, round(rows * share)) for share in SHARES]
    races = {
        size: Tries(data, Race(table=STRATEGY, rows=size, contenders=CONTENDERS)) for size in sizes
    }
    turns = [(size, contender) for size in sizes for contender in CONTENDERS]
    for size, contender in rotated(turns, runs):
        seconds = races[size].try_alone(contender)
        say(f"scaling, {size:,} rows, {contender.name}: {seconds:.1f} s")
    return tuple(scaled for race in races.values() for scaled in _scaled(race))


def _scaled(race: Tries) -> list[Scaled]:
    compared = race.compared()
    return [
        _one(one.contender, one.rows, compared.tries[one.contender]) for one in compared.figures
    ]


def _one(name: str, rows: int, tries: list[Footprint]) -> Scaled:
    walks = [one.walked for one in tries if one.walked]
    return Scaled(
        contender=name,
        rows=rows,
        tries=tuple(one.walked.seconds if one.walked else one.seconds for one in tries),
        process=max(walks, key=lambda walk: walk.growth, default=None),
    )
