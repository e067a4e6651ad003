"""What verification saw, with the rows that are out of step."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A row that is out of step in one change: its key and the values, as text.

    Row data: for the owner only.
    """

    key: Mapping[str, object]
    change: str
    old: str | None
    expected: str | None
    actual: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The level reached, all rows compared, the mismatches with the first of them.

    And what else is wrong.
    """

    level: str
    rows: int
    mismatches: int
    problems: tuple[str, ...]
    sample: tuple[Mismatch, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Tell whether nothing is wrong."""
        return self.mismatches == 0 and not self.problems
