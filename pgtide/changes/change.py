"""What every change of the catalogue is: it declares, asks, and returns; it never executes.

One new file beside this one adds a change. The composer calls, in this order: `columns` of every
change, `questions` of every change, and, with the server's answers, `contribute`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pgtide.changes.sync import Added, Pair
from pgtide.errors import InvalidMigration
from pgtide.model.expression import Answers, Questions
from pgtide.model.plan import Comparison, Twin
from pgtide.model.statement import Statement, Step
from pgtide.model.table import Column, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class NewColumn:
    """A column that a change adds.

    Its name until contract, its final name, and what it replaces.
    """

    name: str
    final: str
    type: str
    replaces: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a change may look at.

    The table, its place among the changes, and what all of them add. `counted` says that writes
    which the triggers have to mend are counted: the application is to write both shapes itself.
    """

    table: Table
    migration_id: str
    tag: str
    ordinal: int
    added: tuple[NewColumn, ...] = ()
    counted: bool = False

    @property
    def prefix(self) -> str:
        """Return the beginning of every function's name of this change."""
        return f"m_{self.tag}_{self.ordinal}_"

    def require(self, name: str, label: str) -> Column:
        """Return a column of the table, or refuse by name."""
        column = self.table.column(name)
        if column is None:
            raise refused(f"{label}: {self.table.name} has no column {name}")
        return column


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """A query that counts rows which can never be verified, and what that means in words.

    `converts` says that it stumbles over values that cannot be converted: these are the backfill's
    to name.
    """

    query: str
    meaning: str
    converts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one change adds to the plan, phase by phase."""

    functions: tuple[Statement, ...] = ()
    clauses: tuple[str, ...] = ()
    grants: tuple[Statement, ...] = ()
    sync: Pair | Added | None = None
    assignment: str = ""
    comparison: Comparison | None = None
    fresh: tuple[tuple[str, str, str], ...] = ()  # a replacing column, its type and its value
    archive: tuple[
        tuple[str, str, str], ...
    ] = ()  # the value's name, the value, and which rows have one
    expand: tuple[Step, ...] = ()
    finalize: tuple[Step, ...] = ()
    contract: tuple[Step, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    indexes: tuple[tuple[str, str], ...] = ()
    twins: tuple[Twin, ...] = ()
    impossible: tuple[Impossible, ...] = ()
    notes: tuple[str, ...] = ()


class Change(Protocol):
    """A declared change of one table."""

    def spec(self) -> Mapping[str, object]:
        """Return the change as plain values, the same for the same declaration."""
        ...

    def columns(self, scope: Scope) -> tuple[NewColumn, ...]:
        """Return the columns that it adds.

        Raises InvalidMigration where it does not fit the table.
        """
        ...

    def questions(self, scope: Scope) -> Questions:
        """Return what the server must say of its expressions, types and indexes."""
        ...

    def contribute(self, scope: Scope, answers: Answers) -> Contribution:
        """Return what it adds to the plan."""
        ...


def refused(what: str) -> InvalidMigration:
    """Return a refusal of the declaration."""
    return InvalidMigration(
        f"{what}.",
        state="Nothing was changed.",
        remedy="Mend the migration file and run the command again.",
    )
