"""What a migration will take until it is verified, as ranges, told before it begins."""

import math
from dataclasses import dataclass
from typing import Final

_MEGABYTE: Final = 1_000_000
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Two bounds that the true figure should lie between."""

    low: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        """Return the range of a sum."""
        return Range(low=self.low + other.low, high=self.high + other.high)

    def whole(self) -> "Range":
        """Return the same range in whole numbers, none of it cut off."""
        return Range(low=math.floor(self.low), high=math.ceil(self.high))


NOTHING: Final = Range(low=0, high=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much of the server's disk is free, and who says so; None where nobody knows."""

    free_bytes: int | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Rows to write, seconds of backfill and finalize, and bytes; of a sample of so many rows.

    `failing` of the sample's rows could not be converted. `disk_bytes` is the most that is needed
    at once on the server's disk, the file of the backup apart. `week_seconds` is what the
    migration's windows leave of a week, None where it may run at any time.
    """

    rows: Range
    seconds: Range
    wal_bytes: Range
    table_bytes: Range
    index_bytes: Range
    backup_bytes: Range
    disk_bytes: Range
    room: Room
    sampled: int
    failing: int
    week_seconds: float | None
    weeks: Range | None
    basis: tuple[str, ...]


def excesses(estimate: Estimate) -> tuple[str, ...]:
    """Say what of an estimate is more than there is; nothing where all of it fits."""
    found = []
    free, need = estimate.room.free_bytes, estimate.disk_bytes.high
    if free is not None and need > free:
        found.append(
            f"it may need {need / _MEGABYTE:,.0f} MB of the server's disk, where "
            f"{free / _MEGABYTE:,.0f} MB are free ({estimate.room.source})"
        )
    week, long = estimate.week_seconds, estimate.seconds.high
    if week is not None and long > week:
        found.append(
            f"it may take {long / _HOUR:,.1f} hours, and its windows are open for "
            f"{week / _HOUR:,.1f} hours a week"
        )
    return tuple(found)
