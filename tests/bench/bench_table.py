"""A table to be filled: how it is made, what its migration is, and how a person would fill it."""

from collections.abc import Callable
from dataclasses import dataclass

from pgtide import Migration


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchTable:
    """A table, its migration, and the same by hand: `widen` and `fill`.

    `left` counts the rows that are not in the new shape afterwards. `share` is the part of the rows
    asked for that it gets, where its rows are many times as wide. `create` is given an address and
    a number of rows.
    """

    name: str
    relation: str
    create: Callable[[str, int], None]
    migration: Callable[[], Migration]
    widen: str
    fill: str
    left: str
    share: float = 1.0

    def rows(self, asked: int) -> int:
        """Return its rows, where so many are asked for."""
        return max(1, round(asked * self.share))
