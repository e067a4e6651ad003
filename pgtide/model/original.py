"""What a table has on the columns that a migration replaces, as it will be on the new ones.

The server writes both texts. `definition` is the original's own text, where
a later change of it shows.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A replaced column, the one that replaces it, and the new one's type."""

    old: str
    new: str
    type: str
    collation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOriginal:
    """An index; `tail` is the twin's definition after the table's name, `where` its predicate.

    `constraint` says that it serves a UNIQUE constraint and `deferral` when that is checked;
    `served` is the constraint's own definition on the new columns.
    """

    name: str
    definition: str
    unique: bool
    tail: str
    where: str = ""
    tablespace: str = ""
    constraint: bool = False
    deferral: str = ""
    served: str = ""
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintOriginal:
    """A CHECK or an outgoing foreign key; `twin` is the definition on the new columns.

    One that was never validated is not validated for its twin either. `test` is what an enforced
    CHECK asks of a row, on the new columns.
    """

    name: str
    definition: str
    twin: str
    foreign: bool
    validated: bool
    test: str = ""
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNullOriginal:
    """A column that is NOT NULL; `name` is its constraint's, empty before PostgreSQL 18."""

    name: str
    definition: str
    column: str
    suffix: str = ""
    keeps: str = ""
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsOriginal:
    """Extended statistics; `on` is what the twin is about."""

    name: str
    definition: str
    kinds: str
    on: str
    target: int | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSettings:
    """What was set for a column and is not its type's default."""

    column: str
    target: int | None = None
    options: str = ""
    storage: str = ""
    compression: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """All of it, of one table."""

    indexes: tuple[IndexOriginal, ...] = ()
    constraints: tuple[ConstraintOriginal, ...] = ()
    not_null: tuple[NotNullOriginal, ...] = ()
    statistics: tuple[StatisticsOriginal, ...] = ()
    settings: tuple[ColumnSettings, ...] = ()
