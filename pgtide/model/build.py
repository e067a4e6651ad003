"""An index to build, wherever it is to be built."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """An index to build: its name, its definition after the table's name, and why.

    `where` is the predicate's clause; a tablespace has its place before it.
    """

    name: str
    tail: str
    unique: bool
    why: str
    where: str = ""
    tablespace: str = ""
