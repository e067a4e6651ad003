"""The partitions that have no part of a partitioned index yet."""

from dataclasses import dataclass
from typing import Final

from pgtide.model.table import TableName
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("partitions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unindexed:
    """A partition without its part; `parent` is the index that the part belongs to, quoted."""

    oid: int
    name: TableName
    partitioned: bool
    parent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A table below a partitioned one, and the oid of the one right above it."""

    oid: int
    name: TableName
    partitioned: bool
    parent: int


def read_parts(session: Session, oid: int) -> tuple[Part, ...]:
    """Return all tables below a partitioned one, what is above before what is below."""
    return tuple(
        Part(
            oid=row["oid"],
            name=TableName(schema=row["schema"], name=row["name"]),
            partitioned=row["kind"] == "p",
            parent=row["parent"],
        )
        for row in session.rows(_SQL["parts"], {"oid": oid})
    )


def read_unindexed(session: Session, index: TableName) -> tuple[Unindexed, ...]:
    """Return those whose parent has its own part; what is below them comes after them."""
    where = {"index": ident(index.schema, index.name)}
    return tuple(
        Unindexed(
            oid=row["oid"],
            name=TableName(schema=row["schema"], name=row["name"]),
            partitioned=row["partitioned"],
            parent=row["parent"],
        )
        for row in session.rows(_SQL["unindexed"], where)
    )


def is_whole(session: Session, index: TableName) -> bool:
    """Tell whether every partition has its part, and so the planner may use the index."""
    return bool(session.value(_SQL["whole"], {"index": ident(index.schema, index.name)}))
