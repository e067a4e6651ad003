"""Queries whose speed a migration must not spoil: declared, measured, compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

# 8 MB: a smaller table is read as a whole in a few milliseconds, and the planner prefers to.
MATTERS_BLOCKS: Final = 1_000
_MOST_RUNS: Final = 100
_HEAD: Final = 60


class Moment(StrEnum):
    """When a query is measured; before contract through the shape that contract would give."""

    BEFORE_EXPAND = "before_expand"
    AFTER_FINALIZE = "after_finalize"
    BEFORE_CONTRACT = "before_contract"
    AFTER_CONTRACT = "after_contract"


@dataclass(frozen=True, slots=True)
class Performance:
    """Measure a query of the application before and after, by the names it uses all along.

    It reads only. Its median of `runs` must not exceed `max_ms`, as the server takes it, planning
    included; and it must not begin to read the whole table.
    """

    query: str
    max_ms: float | None = field(default=None, kw_only=True)
    runs: int = field(default=5, kw_only=True)

    def spec(self) -> Mapping[str, object]:
        """Return the declaration as plain values."""
        return {
            "check": "Performance",
            "query": self.query,
            "max_ms": self.max_ms,
            "runs": self.runs,
        }

    def problems(self) -> Iterator[str]:
        """Say what is wrong with the declaration."""
        if self.max_ms is not None and self.max_ms <= 0:
            yield f"max_ms is {self.max_ms!r}; write a number of milliseconds, or leave it out"
        if not 1 <= self.runs <= _MOST_RUNS:
            yield f"runs is {self.runs!r}; write a number from 1 to {_MOST_RUNS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a query took at one moment.

    `median_ms` is None where it did not end in time; `scans` counts how often its plan reads the
    whole table of `blocks` blocks; `plan` is the server's, as JSON.
    """

    ordinal: int
    moment: Moment
    query: str
    max_ms: float | None
    median_ms: float | None
    scans: int
    blocks: int
    plan: str


def objections(before: Sequence[Measurement], after: Sequence[Measurement]) -> tuple[str, ...]:
    """Say, query by query, why it is slower than it may be."""
    known = {one.ordinal: one for one in before}
    return tuple(
        f"query {one.ordinal + 1} ({head(one.query)}) {why}"
        for one in after
        for why in _objections(known.get(one.ordinal), one)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryStanding:
    """What a declared query took before expand, and at the last moment it was measured since."""

    query: str
    max_ms: float | None
    before_ms: float | None
    after_ms: float | None
    moment: str | None
    objections: tuple[str, ...]


def standings(
    declared: Sequence[Performance], measured: Sequence[Measurement]
) -> tuple[QueryStanding, ...]:
    """Return where each query stands; `measured` is in the order of time."""
    return tuple(_standing(ordinal, one, measured) for ordinal, one in enumerate(declared))


def _standing(
    ordinal: int, declared: Performance, measured: Sequence[Measurement]
) -> QueryStanding:
    own = [one for one in measured if one.ordinal == ordinal]
    before = [one for one in own if one.moment is Moment.BEFORE_EXPAND]
    after = [one for one in own if one.moment is not Moment.BEFORE_EXPAND][-1:]
    return QueryStanding(
        query=declared.query,
        max_ms=declared.max_ms,
        before_ms=before[0].median_ms if before else None,
        after_ms=after[0].median_ms if after else None,
        moment=after[0].moment if after else None,
        objections=objections(before, after),
    )


def head(query: str) -> str:
    """Return a query's beginning, in one line."""
    line = " ".join(query.split())
    return line if len(line) <= _HEAD else f"{line[:_HEAD]}..."


def _objections(before: Measurement | None, after: Measurement) -> Iterator[str]:
    was = "" if before is None else f"; before expand it was {_time(before)}"
    if after.median_ms is None:
        yield f"does not end in time{was}"
    elif after.max_ms is not None and after.median_ms > after.max_ms:
        yield f"takes {_time(after)}, more than {after.max_ms:g} ms{was}"
    # Without a plan from before, every scan would be called new.
    new = before is not None and after.scans > before.scans
    if new and after.blocks >= MATTERS_BLOCKS:
        yield f"reads the whole table, {after.blocks:,} blocks, which it did not before expand"


def _time(one: Measurement) -> str:
    return "without end" if one.median_ms is None else f"{one.median_ms:.1f} ms"
