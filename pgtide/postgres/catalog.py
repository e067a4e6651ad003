"""The target's catalog, read into values."""

from dataclasses import dataclass
from typing import Final

from pgtide.model.table import Column, Grant, Table, TableName, Trigger
from pgtide.postgres.ddl import fill, literal, relation
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("catalog")
_COUNTED_BLOCKS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What stands under a table's name, whatever kind it is."""

    oid: int
    kind: str
    persistence: str
    rls: bool
    rls_forced: bool
    leaf: bool
    replica_identity: str
    has_children: bool
    inherits: bool
    owned: bool
    owner: str
    published: bool
    has_primary_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A column by its name, with its type as the server writes it."""

    name: str
    type: str
    not_null: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many blocks a table has, in which file."""

    blocks: int
    filenode: int


def read_relation(session: Session, name: TableName) -> Relation | None:
    """Return what stands under a name, if anything does."""
    found = session.row(_SQL["relation"], {"schema": name.schema, "name": name.name})
    return Relation(**found) if found else None


def read_name(session: Session, oid: int) -> TableName | None:
    """Return what a table is called now, or None where it was dropped."""
    found = session.row(_SQL["name"], {"oid": oid})
    return TableName(**found) if found else None


def read_table(session: Session, name: TableName, oid: int) -> Table:
    """Read a table's shape."""
    where = {"oid": oid}
    key = session.row(_SQL["key"], where)
    return Table(
        oid=oid,
        name=name,
        columns=read_columns(session, oid),
        key=tuple(key["columns"]) if key else (),
        triggers=tuple(Trigger(**row) for row in session.rows(_SQL["triggers"], where)),
        indexes=tuple(row["name"] for row in session.rows(_SQL["indexes"], where)),
        partitioned=bool(session.value(_SQL["partitioned"], where)),
    )


def read_columns(session: Session, oid: int) -> tuple[Column, ...]:
    """Read a table's columns, in their order."""
    return tuple(
        Column(**{**row, "grants": tuple(Grant(**grant) for grant in row["grants"])})
        for row in session.rows(_SQL["columns"], {"oid": oid})
    )


def read_types(session: Session, oid: int) -> tuple[ColumnType, ...]:
    """Read what a table's columns are called and of which type they are, in their order."""
    return tuple(ColumnType(**row) for row in session.rows(_SQL["types"], {"oid": oid}))


def read_unvalidated_checks(session: Session, oid: int) -> list[tuple[str, str]]:
    """Return name and test of each constraint that old rows may break."""
    rows = session.rows(_SQL["unvalidated_checks"], {"oid": oid})
    return [(row["name"], row["expression"]) for row in rows]


def read_size(session: Session, oid: int) -> Size:
    """Return the table's size now."""
    found = session.row(_SQL["size"], {"oid": oid}) or {}
    return Size(blocks=found["blocks"], filenode=found["filenode"])


def row_estimate(session: Session, oid: int) -> int | None:
    """Return the server's estimate of the table's rows, or None where it never looked."""
    found = int(session.value(_SQL["row_estimate"], {"oid": oid}))
    return found if found >= 0 else None


def count_rows(session: Session, name: TableName, *, blocks: int) -> int:
    """Count the rows of a table that was never analysed.

    Of a big one the first 80 MB, which stand for all.
    """
    query = fill(
        "SELECT count(*) FROM ONLY {table} WHERE ctid < {end}::tid",
        table=relation(name),
        end=literal(f"({_COUNTED_BLOCKS},0)"),
    )
    return round(int(session.value(query)) * max(1.0, blocks / _COUNTED_BLOCKS))


def fingerprint(session: Session, oid: int, *, prefix: str, columns: tuple[str, ...]) -> str:
    """Return JSON that changes whenever a writer could have gone past the sync triggers."""
    where = {"oid": oid, "prefix": prefix, "columns": list(columns)}
    return str(session.value(_SQL["fingerprint"], where))
