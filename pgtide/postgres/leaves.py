"""The leaves of a table: the tables that hold its rows.

An ordinary table is its own one leaf; of a partitioned one they are the partitions at the ends of
its tree, and may come and go while a migration is under way.
"""

from dataclasses import dataclass
from typing import Final

from pgtide.model.table import TableName
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("partitions")
# What PostgreSQL itself stores tables in; it alone is known to read a range of places.
HEAP: Final = "heap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A table that holds rows: what it is called, its file, its size, and how it is stored."""

    oid: int
    name: TableName
    filenode: int
    blocks: int
    method: str = HEAP


def read_leaves(session: Session, oid: int) -> tuple[Leaf, ...]:
    """Return the leaves of a table as they are now."""
    return tuple(
        Leaf(
            oid=row["oid"],
            name=TableName(schema=row["schema"], name=row["name"]),
            filenode=row["filenode"],
            blocks=row["blocks"],
            method=row["method"] or HEAP,
        )
        for row in session.rows(_SQL["leaves"], {"oid": oid})
    )


def largest_leaf(session: Session, oid: int) -> TableName | None:
    """Return the leaf that has the most blocks now, if there is one."""
    leaves = read_leaves(session, oid)
    return max(leaves, key=lambda leaf: leaf.blocks).name if leaves else None


def leaf_names(session: Session, oid: int) -> tuple[TableName, ...]:
    """Return what the leaves of a table are called, without waiting for anybody's lock."""
    return tuple(TableName(**row) for row in session.rows(_SQL["leaf_names"], {"oid": oid}))


def leaf_name(session: Session, oid: int, leaf: int) -> TableName | None:
    """Return what a leaf of a table is called now; None where it is none of its leaves any more."""
    found = session.row(_SQL["leaf_name"], {"oid": oid, "leaf": leaf})
    return TableName(**found) if found else None


def leaf_fingerprints(session: Session, oid: int, *, columns: tuple[str, ...]) -> dict[str, str]:
    """Return JSON for each leaf that changes whenever a writer could have gone past there."""
    where = {"oid": oid, "columns": list(columns)}
    return {row["leaf"]: row["found"] for row in session.rows(_SQL["leaf_fingerprints"], where)}
