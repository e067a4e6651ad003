"""What a declared statement does to rows: how many it writes, and which values it loses."""

from collections.abc import Iterator
from typing import Any, Final

from postgast import walk

from pgtide.errors import StatementFailed
from pgtide.model.statement import Finding
from pgtide.model.table import TableName
from pgtide.postgres.ddl import search_path
from pgtide.postgres.session import Session
from pgtide.postgres.squawk import ERROR
from pgtide.postgres.statement_lock import Node, kind_name

# What the strategy and the field take for one batch: more rows keep their writers waiting.
_ROWS: Final = 10_000
_RULE: Final = "unbounded-write"
_INSTEAD: Final = (
    "Columns are filled by AddColumn's and ReplaceColumn's backfill in small batches; other rows "
    "by a job of your own, by key ranges."
)
_DROPPED: Final = frozenset(
    {"OBJECT_COLUMN", "OBJECT_FOREIGN_TABLE", "OBJECT_SCHEMA", "OBJECT_SEQUENCE", "OBJECT_TABLE"}
)
# Names in it may be made by the steps before it, or mean others by then.
_UNKNOWN: Final = ("42", "0A", "22", "2B", "55000")


def written(session: Session, table: TableName, text: str, node: Node) -> tuple[Finding, ...]:
    """Return what speaks against a statement that writes many rows in one transaction."""
    writes = [one for one in _inside(node) if _is(one, "UpdateStmt", "DeleteStmt", "MergeStmt")]
    if not writes:
        return ()
    whole = [one for one in writes if hasattr(one, "where_clause") and not _bounded(one)]
    if whole:
        return (_finding(f"It writes every row of {whole[0].relation.relname}"),)
    rows = _estimate(session, table, text)
    return (_finding(f"It writes about {rows:,} rows"),) if rows > _ROWS else ()


def lost(kind: str, node: Node) -> str:
    """Return in words which values are gone after a statement, nothing where none are."""
    if kind == "truncate_stmt" or any(_is(one, "DeleteStmt") for one in _inside(node)):
        return "the rows it removes"
    if kind == "drop_stmt" and kind_name(node, "remove_type") in _DROPPED:
        return "what it drops"
    drops = (one for one in _inside(node) if _is(one, "AlterTableCmd"))
    if any(kind_name(one, "subtype") == "AT_DropColumn" for one in drops):
        return "the values of the column it drops"
    if any(_is(one, "UpdateStmt", "MergeStmt") for one in _inside(node)):
        return "the values it overwrites"
    return ""


def _inside(node: Node) -> Iterator[Node]:
    return (one for _, one in walk(node))


def _is(node: Node, *names: str) -> bool:
    return type(node).__name__ in names


def _bounded(node: Node) -> bool:
    return bool(node.HasField("where_clause")) and not node.where_clause.HasField("a_const")


def _finding(says: str) -> Finding:
    message = f"{says} in one transaction, and keeps every other writer of them waiting. {_INSTEAD}"
    return Finding(rule=_RULE, level=ERROR, message=message)


def _estimate(session: Session, table: TableName, text: str) -> int:
    """Return how many rows the planner thinks that a statement writes; 0 where it cannot tell."""
    try:
        with session.rolled_back():
            session.configure({"search_path": search_path(table)}, local=True)
            [plan] = session.rows(f"EXPLAIN (FORMAT JSON) {text}", doing="estimating its rows")
    except StatementFailed as error:
        if not error.sqlstate.startswith(_UNKNOWN):
            raise
        return 0
    found = next(iter(plan.values()))
    return max((rows for one in found for rows in _rows(one["Plan"])), default=0)


def _rows(plan: dict[str, Any]) -> Iterator[int]:
    below = plan.get("Plans", [])
    if plan["Node Type"] == "ModifyTable" and plan["Operation"] != "Insert":
        # Sub-selects and CTEs come before what feeds it.
        fed = (one for one in below if one["Parent Relationship"] == "Outer")
        yield sum(int(one["Plan Rows"]) for one in fed)
    for one in below:
        yield from _rows(one)
