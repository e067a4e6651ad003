"""What writers do, before it is known how the table looks then: choices, not statements."""

from dataclasses import dataclass
from enum import StrEnum

# More replaced columns than this no drawn table has.
PAIRS = 3


class Side(StrEnum):
    """The names by which a pair is written."""

    NONE = "none"
    OLD = "old"
    NEW = "new"
    BOTH = "both"
    AGREEING = "agreeing"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The values that a statement gives a row; numbers choose among what a kind has to offer.

    A number of None leaves the column out.
    """

    pairs: tuple[tuple[Side, int, int], ...]
    added: int | None = None
    note: int | None = None
    factor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """New rows, by INSERT or COPY."""

    rows: tuple[Given, ...]
    copied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """INSERT of a row's key once more, or of a new one, ON CONFLICT; None: DO NOTHING."""

    row: int | None
    given: Given
    taken: Given | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """UPDATE of some rows; with `rekeyed` the first of them gets another key too."""

    rows: tuple[int, ...]
    given: Given
    rekeyed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """DELETE of some rows."""

    rows: tuple[int, ...]


Write = Insert | Upsert | Update | Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Writes in one transaction; one that is `held` stays open until somebody waits for it."""

    writes: tuple[Write, ...]
    commits: bool = True
    held: bool = False
