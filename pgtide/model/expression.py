"""What a change asks the server about its expressions, types and indexes.

And what the server answers.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from pgtide.model.state import Phase
from pgtide.model.statement import Finding, Lock


class Volatility(StrEnum):
    """How constant an expression must be."""

    IMMUTABLE = "immutable"
    STABLE = "stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A SQL expression of a migration file, with the names that it may use.

    Its scope is the table's columns; `instead` gives names another type, or adds them. `label` is
    for messages.
    """

    label: str
    text: str
    returns: str
    instead: tuple[tuple[str, str], ...] = ()
    volatility: Volatility = Volatility.IMMUTABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A name that an expression uses, with its type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexShape:
    """An index of a migration file.

    `renamed` maps names in it to the columns that hold them until contract.
    """

    name: str
    on: tuple[str, ...]
    where: str | None
    unique: bool
    method: str
    instead: tuple[tuple[str, str], ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFacts:
    """A type as the server writes it.

    `modified` types (numeric(8,2)) round, `cut` ones (varchar(9)) refuse, `rewrites` says that
    adding a column of it rewrites the table. `varying` is the modifier of a varchar(9): 13.
    """

    name: str
    comparable: bool
    modified: bool
    cut: bool
    collatable: bool
    rewrites: bool
    varying: int | None


class Cost(StrEnum):
    """What a statement does to a whole table while it holds its lock."""

    NONE = "none"
    READS = "reads"
    REWRITES = "rewrites"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeStatement:
    """A statement of a migration file; a linter reads it where it is `linted`.

    Statements run by their phases, and in one phase by their order.
    """

    label: str
    text: str
    linted: bool = True
    phase: Phase = Phase.EXPAND


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFacts:
    """What a free statement is.

    `lock` is the one it takes on the migration's table, None where that is not known; `together`
    says that it may run in a transaction. `builds` and `drops` name the index of a statement that
    may not, by schema and name; `inside` is such a statement as a transaction can run it, if it is
    another text. `loses` says in words which values are gone after it, empty where none are.
    """

    kind: str
    lock: Lock | None
    together: bool
    cost: Cost = Cost.NONE
    loses: str = ""
    builds: tuple[str, str] | None = None
    drops: tuple[str, str] | None = None
    inside: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """All that one change asks."""

    types: tuple[str, ...] = ()
    expressions: tuple[Expression, ...] = ()
    indexes: tuple[IndexShape, ...] = ()
    statements: tuple[FreeStatement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the server answered, by question."""

    types: dict[str, TypeFacts] = field(default_factory=dict)
    sources: dict[Expression, tuple[Source, ...]] = field(default_factory=dict)
    indexes: dict[IndexShape, str] = field(default_factory=dict)
    statements: dict[FreeStatement, StatementFacts] = field(default_factory=dict)
