"""An ALTER TABLE in words that an empty copy understands: its indexes have names of their own.

A key over an index is NOT NULL for its columns and costs nothing else; dropping one costs nothing.
"""

from collections.abc import Iterator
from typing import Final

from postgast import deparse, parse

from pgtide.model.table import TableName
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import Session
from pgtide.postgres.statement_lock import Node, kind_name
from pgtide.sql import queries

_SQL: Final = queries("catalog")


def spelled(session: Session, table: TableName, text: str, earlier: tuple[str, ...]) -> str:
    """Return the text without names of indexes; empty where nothing is left of it."""
    tree, source = parse(text), parse(text)
    if not tree.stmts[0].stmt.HasField("alter_table_stmt"):
        return text
    altered = source.stmts[0].stmt.alter_table_stmt
    name = TableName(
        schema=altered.relation.schemaname or table.schema, name=altered.relation.relname
    )
    where = {"schema": name.schema, "name": name.name}
    keys = {row["name"] for row in session.rows(_SQL["keys"], where)}
    left = [
        made for one in altered.cmds for made in _of_command(session, name, one, earlier, keys=keys)
    ]
    commands = tree.stmts[0].stmt.alter_table_stmt.cmds
    del commands[:]
    commands.extend(left)
    return str(deparse(tree)) if left else ""


def _over_index(command: Node) -> bool:
    """Tell whether a command makes a key of an index that is there."""
    return kind_name(command, "subtype") == "AT_AddConstraint" and bool(
        getattr(command, "def").constraint.indexname
    )


def _of_command(
    session: Session, table: TableName, node: Node, earlier: tuple[str, ...], *, keys: set[str]
) -> Iterator[Node]:
    command = node.alter_table_cmd
    if _over_index(command):
        key = getattr(command, "def").constraint
        if kind_name(key, "contype") != "CONSTR_PRIMARY":
            return
        columns = _columns(session, table, key.indexname, earlier)
        yield from (_not_null(one) for one in columns)
        if columns:
            return
    if kind_name(command, "subtype") == "AT_DropConstraint" and command.name in keys:
        return
    yield node


def _columns(
    session: Session, table: TableName, index: str, earlier: tuple[str, ...]
) -> tuple[str, ...]:
    for text in reversed(earlier):
        node = parse(text).stmts[0].stmt
        if node.HasField("index_stmt") and node.index_stmt.idxname == index:
            return tuple(one.index_elem.name for one in node.index_stmt.index_params)
    where = {"schema": table.schema, "name": table.name, "index": index}
    return tuple(row["name"] for row in session.rows(_SQL["index_columns"], where))


def _not_null(column: str) -> Node:
    text = f"ALTER TABLE t ALTER {ident(column)} SET NOT NULL"
    return parse(text).stmts[0].stmt.alter_table_stmt.cmds[0]
