"""A plan: everything a migration will execute.

Settled before the first statement and kept in the ledger.
"""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from pgtide.model.backfill import Backfill
from pgtide.model.performance import Performance
from pgtide.model.statement import Statement, Step
from pgtide.model.table import TableName
from pgtide.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSql:
    """How rows are brought in step.

    `assignments` is the SET list and `in_step` the test that guards it; both name the table `t`.
    """

    assignments: str
    in_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a mismatch report shows of one change.

    Old, expected and actual value, as SQL over `t`.
    """

    change: str
    in_step: str
    old: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSql:
    """Which values the old shape cannot hold.

    SQL over `t` for the row's key and values, and which rows.
    """

    key: str
    values: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the catalog must show after finalize: columns with their types, and valid indexes.

    Then the columns that are NOT NULL, constraints with their definitions, and statistics.
    """

    columns: tuple[tuple[str, str], ...]
    indexes: tuple[tuple[str, str], ...]
    not_null: tuple[str, ...] = ()
    constraints: tuple[tuple[str, str], ...] = ()
    statistics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """The names of what keeps both shapes in step.

    `conflicts` counts the writes that contradict themselves; `mended`, where the application is
    to write both shapes, those that the triggers still had to mend.
    """

    insert_trigger: str
    update_trigger: str
    function: str
    conflicts: str
    mended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A replaced column and the names it goes through.

    Before contract the old column is `old` and the new one `new`; contract gives the new one the
    name `old` and the old one the name `retired`, which is `new` where both names stay in use.
    `up` is the call that converts a value where the file says how, and `sources` are its arguments.
    """

    old: str
    new: str
    retired: str
    identity: bool
    up: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """What was built on the new column beside what the old one has, so that contract only renames.

    Contract gives `name` to the twin and `retired` to the original; `name` is empty where there is
    nothing to rename. `original` is the definition that the twin was made after, empty where the
    migration's file declares the twin itself.
    """

    kind: str  # index, constraint, not_null, statistics
    name: str
    twin: str
    retired: str
    original: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a migration asks for between its phases; spans in seconds."""

    contract_release: str
    dual_write: str = "trigger"
    on_unrepresentable: str = "fail"
    soak: float = 86_400.0
    retain: float = 604_800.0
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a migration executes.

    `sync` and `backfill` are absent where no row has to change. `turned` is what turns the sync
    triggers once the names are swapped; the undo of each statement is for when they are back.
    `contract_sql` are the declared statements that join contract's one transaction, `performance`
    the queries to measure, `filling` how the author wants the backfill. A `partitioned` table holds
    no row itself: all is done leaf by leaf, and whatever its leaves are at that moment.
    """

    migration_id: str
    version: str
    tag: str
    table: TableName
    table_oid: int
    key: tuple[str, ...]
    expand: tuple[Step, ...]
    finalize: tuple[Step, ...]
    sync: Sync | None
    backfill: BackfillSql | None
    comparisons: tuple[Comparison, ...]
    archive: ArchiveSql | None
    expected: Expected
    terms: Terms
    replacements: tuple[Replacement, ...]
    twins: tuple[Twin, ...]
    turned: tuple[Statement, ...] = ()
    releases: tuple[str, ...]
    notes: tuple[str, ...]
    contract_sql: tuple[Step, ...] = ()
    performance: tuple[Performance, ...] = ()
    filling: Backfill = field(default_factory=Backfill)
    partitioned: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return every step in the order of execution."""
        return (*self.expand, *self.finalize)

    def to_json(self) -> str:
        """Write the plan as JSON, the form in which the ledger keeps it."""
        return _PLAN.dump_json(self).decode()


_PLAN = TypeAdapter(Plan)


def read_plan(text: str) -> Plan:
    """Read a plan from the ledger's JSON."""
    return _PLAN.validate_json(text)
