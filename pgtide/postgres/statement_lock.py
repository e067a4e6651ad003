"""The lock that a free statement takes on the migration's table, by its kind.

Only kinds whose lock was read from pg_locks are in here (tests/integration/test_sql_locks.py);
everything else is not known, and None.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from postgast import parse, walk

from pgtide.model.statement import Lock
from pgtide.model.table import TableName

# A node of the parser's tree: protobuf's own types say nothing of its fields.
Node = Any

_STRENGTH: Final = tuple(Lock)
_SHARE_UPDATE: Final = frozenset(
    {
        "AT_ClusterOn",
        "AT_DropCluster",
        "AT_ResetOptions",
        "AT_SetOptions",
        "AT_SetStatistics",
        "AT_ValidateConstraint",
    }
)
_TABLE_OPTIONS: Final = frozenset({"AT_ResetRelOptions", "AT_SetRelOptions"})
_ROW_EXCLUSIVE: Final = frozenset(
    {"AT_DisableTrig", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig", "AT_EnableTrig"}
)
# Of another object, they never reach for the table.
_ELSEWHERE: Final = frozenset(
    {
        "alter_default_privileges_stmt",
        "alter_enum_stmt",
        "alter_function_stmt",
        "alter_seq_stmt",
        "alter_stats_stmt",
        "comment_stmt",
        "composite_type_stmt",
        "create_domain_stmt",
        "create_enum_stmt",
        "create_seq_stmt",
        "create_stats_stmt",
        "create_stmt",
        "create_table_as_stmt",
        "create_trig_stmt",
        "grant_stmt",
        "index_stmt",
        "view_stmt",
    }
)
# What a rename or an ALTER TABLE in other words reaches for the index, view, ... alone.
_OBJECTS: Final = frozenset(
    {"OBJECT_FUNCTION", "OBJECT_INDEX", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_VIEW"}
)
_PARTS: Final = frozenset({"OBJECT_POLICY", "OBJECT_TABCONSTRAINT", "OBJECT_TRIGGER"})
_DROPPED_ALONE: Final = frozenset(
    {
        "OBJECT_DOMAIN",
        "OBJECT_FUNCTION",
        "OBJECT_MATVIEW",
        "OBJECT_PUBLICATION",
        "OBJECT_SEQUENCE",
        "OBJECT_TYPE",
        "OBJECT_VIEW",
    }
)


_WRITES: Final = frozenset({"DeleteStmt", "InsertStmt", "MergeStmt", "UpdateStmt"})


def lock_named(text: str, table: TableName) -> Lock | None:
    """Return the lock on the table that the only statement of a text takes, None if not known."""
    [one] = parse(text).stmts
    kind = one.stmt.WhichOneof("node")
    return lock_of(kind, getattr(one.stmt, kind), table)


def lock_of(kind: str, node: Node, table: TableName) -> Lock | None:
    """Return the lock on the table, or None where it is not known."""
    if kind == "drop_stmt":
        return _drop(node, table)
    if kind == "reindex_stmt":
        apart = any(one.def_elem.defname == "concurrently" for one in node.params)
        return Lock.SHARE_UPDATE_EXCLUSIVE if apart else None
    if kind == "create_function_stmt":
        return _function(node, table)
    if not _names(node, table) and not _comments(kind, node, table) and not _owned(node, table):
        return Lock.NONE if kind in _ELSEWHERE or _of_object(kind, node) else None
    found = _ON_TABLE.get(kind)
    return found(node, table) if callable(found) else found


def _alter(node: Node, table: TableName) -> Lock | None:
    if not is_table(node.relation, table):
        return None
    return max((_command(one.alter_table_cmd) for one in node.cmds), key=_STRENGTH.index)


def _command(command: Node) -> Lock:
    name = kind_name(command, "subtype")
    if name in _SHARE_UPDATE:
        return Lock.SHARE_UPDATE_EXCLUSIVE
    if name in _TABLE_OPTIONS:
        options = {one.defname for _, one in walk(command) if hasattr(one, "defname")}
        strong = "user_catalog_table" in options
        return Lock.ACCESS_EXCLUSIVE if strong else Lock.SHARE_UPDATE_EXCLUSIVE
    foreign = any(hasattr(one, "pktable") and one.HasField("pktable") for _, one in walk(command))
    if name in _ROW_EXCLUSIVE or (name == "AT_AddConstraint" and foreign):
        return Lock.SHARE_ROW_EXCLUSIVE
    # ALTER TABLE's own word for everything else.
    return Lock.ACCESS_EXCLUSIVE


def _drop(node: Node, table: TableName) -> Lock | None:
    kind = kind_name(node, "remove_type")
    if kind == "OBJECT_INDEX":
        return Lock.SHARE_UPDATE_EXCLUSIVE if node.concurrent else Lock.ACCESS_EXCLUSIVE
    cascades = kind_name(node, "behavior") == "DROP_CASCADE"
    if kind == "OBJECT_STATISTIC_EXT":
        return Lock.SHARE_UPDATE_EXCLUSIVE
    if kind in {"OBJECT_POLICY", "OBJECT_TRIGGER"} and not cascades:
        parts = names_of(node.objects[0])
        return Lock.ACCESS_EXCLUSIVE if _is_name(parts[:-1], table) else None
    return Lock.NONE if kind in _DROPPED_ALONE and not cascades else None


def _function(node: Node, table: TableName) -> Lock | None:
    """Return what a function's body locks, which is bound when it is made; a text hides it."""
    if not node.HasField("sql_body"):
        return None if _names(node, table) or _language(node) == "sql" else Lock.NONE
    parts = [one for _, one in walk(node.sql_body)]
    if any(type(one).__name__ in _WRITES and is_table(one.relation, table) for one in parts):
        return Lock.ROW_EXCLUSIVE
    return _reading(node, table) if _names(node, table) else Lock.NONE


def _reading(node: Node, table: TableName) -> Lock:
    del table
    locks = any(type(one).__name__ == "LockingClause" for _, one in walk(node))
    return Lock.ROW_SHARE if locks else Lock.ACCESS_SHARE


def _writing(node: Node, table: TableName) -> Lock | None:
    return Lock.ROW_EXCLUSIVE if is_table(node.relation, table) else None


def _index(node: Node, table: TableName) -> Lock:
    del table
    return Lock.SHARE_UPDATE_EXCLUSIVE if node.concurrent else Lock.SHARE


def _create(node: Node, table: TableName) -> Lock | None:
    parts = [one for _, one in walk(node)]
    if any(is_table(one.pktable, table) for one in parts if hasattr(one, "pktable")):
        return Lock.SHARE_ROW_EXCLUSIVE
    if any(is_table(one.range_var, table) for one in node.inh_relations):
        return Lock.SHARE_UPDATE_EXCLUSIVE
    likes = (one.relation for one in parts if type(one).__name__ == "TableLikeClause")
    return Lock.ACCESS_SHARE if any(is_table(one, table) for one in likes) else None


def _comment(node: Node, table: TableName) -> Lock:
    del table
    return (
        Lock.ACCESS_SHARE if kind_name(node, "objtype") in _PARTS else Lock.SHARE_UPDATE_EXCLUSIVE
    )


_ON_TABLE: Final[MappingProxyType[str, Lock | Callable[[Node, TableName], Lock | None]]] = (
    MappingProxyType(
        {
            "alter_policy_stmt": Lock.ACCESS_EXCLUSIVE,
            "alter_table_stmt": _alter,
            "alter_publication_stmt": Lock.SHARE_UPDATE_EXCLUSIVE,
            "alter_seq_stmt": _reading,
            "comment_stmt": _comment,
            "create_policy_stmt": Lock.ACCESS_EXCLUSIVE,
            "create_publication_stmt": Lock.SHARE_UPDATE_EXCLUSIVE,
            "create_seq_stmt": _reading,
            "create_stats_stmt": Lock.SHARE_UPDATE_EXCLUSIVE,
            "create_stmt": _create,
            "create_table_as_stmt": _reading,
            "create_trig_stmt": Lock.SHARE_ROW_EXCLUSIVE,
            "delete_stmt": _writing,
            "grant_stmt": _reading,
            "index_stmt": _index,
            "insert_stmt": _writing,
            "merge_stmt": _writing,
            "rename_stmt": Lock.ACCESS_EXCLUSIVE,
            "rule_stmt": Lock.ACCESS_EXCLUSIVE,
            "truncate_stmt": Lock.ACCESS_EXCLUSIVE,
            "update_stmt": _writing,
            "vacuum_stmt": Lock.SHARE_UPDATE_EXCLUSIVE,
            "view_stmt": _reading,
        }
    )
)


def relations(node: Node) -> list[Node]:
    """Return the relations that a statement names."""
    return [one for _, one in walk(node) if hasattr(one, "relname") and hasattr(one, "schemaname")]


def is_table(relation: Node, table: TableName) -> bool:
    """Tell whether a name means the table; without a schema it is looked for there first."""
    return relation.relname == table.name and relation.schemaname in {"", table.schema}


def kind_name(node: Node, name: str) -> str:
    """Return an enumeration's value as the server's source spells it."""
    kind = node.DESCRIPTOR.fields_by_name[name].enum_type
    return str(kind.values_by_number[getattr(node, name)].name)


def names_of(node: Node) -> list[str]:
    """Return the strings in a node, in their order: the parts of a name."""
    return [one.sval for _, one in walk(node) if hasattr(one, "sval")]


def _names(node: Node, table: TableName) -> bool:
    return any(is_table(one, table) for one in relations(node))


def _comments(kind: str, node: Node, table: TableName) -> bool:
    if kind != "comment_stmt":
        return False
    parts = names_of(node.object)
    what = kind_name(node, "objtype")
    return _is_name(parts if what == "OBJECT_TABLE" else parts[:-1], table)


def _of_object(kind: str, node: Node) -> bool:
    what = {"alter_table_stmt": "objtype", "rename_stmt": "rename_type"}.get(kind)
    return what is not None and kind_name(node, what) in _OBJECTS


def _owned(node: Node, table: TableName) -> bool:
    """Tell whether a sequence is given to a column of the table."""
    options = (one.def_elem for one in getattr(node, "options", ()) if one.HasField("def_elem"))
    return any(
        one.defname == "owned_by" and _is_name(names_of(one.arg)[:-1], table) for one in options
    )


def _is_name(parts: list[str], table: TableName) -> bool:
    return parts in ([table.name], [table.schema, table.name])


def _language(node: Node) -> str:
    options = (one.def_elem for one in node.options)
    return next(
        (one.arg.string.sval.lower() for one in options if one.defname == "language"), "sql"
    )
