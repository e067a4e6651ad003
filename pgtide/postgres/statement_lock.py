"""The lock that a free statement takes on the migration's table, by its kind.

Only kinds whose lock was read from pg_locks are in here (tests/integration/test_sql_locks.py);
everything else is not known, and None.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from postgast import walk

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
        "alter_enum_stmt",
        "comment_stmt",
        "composite_type_stmt",
        "create_domain_stmt",
        "create_enum_stmt",
        "create_stats_stmt",
        "create_stmt",
        "create_table_as_stmt",
        "index_stmt",
        "view_stmt",
    }
)


def lock_of(kind: str, node: Node, table: TableName) -> Lock | None:
    """Return the lock on the table, or None where it is not known."""
    if kind == "drop_stmt":
        return _drop(node, table)
    if kind == "reindex_stmt":
        apart = any(one.def_elem.defname == "concurrently" for one in node.params)
        return Lock.SHARE_UPDATE_EXCLUSIVE if apart else None
    if kind == "create_function_stmt":
        # A SQL body is bound when it is made, and what it names is locked.
        return None if _names(node, table) or _language(node) == "sql" else Lock.NONE
    if not _names(node, table) and not _comments(kind, node, table):
        return Lock.NONE if kind in _ELSEWHERE else None
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
    if kind in {"OBJECT_POLICY", "OBJECT_TRIGGER"} and not cascades:
        parts = names_of(node.objects[0])
        return Lock.ACCESS_EXCLUSIVE if _is_name(parts[:-1], table) else None
    quiet = {"OBJECT_FUNCTION", "OBJECT_SEQUENCE", "OBJECT_VIEW"}
    return Lock.NONE if kind in quiet and not cascades else None


def _reading(node: Node, table: TableName) -> Lock:
    del node, table
    return Lock.ACCESS_SHARE


def _writing(node: Node, table: TableName) -> Lock | None:
    return Lock.ROW_EXCLUSIVE if is_table(node.relation, table) else None


def _index(node: Node, table: TableName) -> Lock:
    del table
    return Lock.SHARE_UPDATE_EXCLUSIVE if node.concurrent else Lock.SHARE


def _create(node: Node, table: TableName) -> Lock | None:
    keys = [one.pktable for _, one in walk(node) if hasattr(one, "pktable")]
    return Lock.SHARE_ROW_EXCLUSIVE if any(is_table(key, table) for key in keys) else None


_ON_TABLE: Final[MappingProxyType[str, Lock | Callable[[Node, TableName], Lock | None]]] = (
    MappingProxyType(
        {
            "alter_policy_stmt": Lock.ACCESS_EXCLUSIVE,
            "alter_table_stmt": _alter,
            "comment_stmt": Lock.SHARE_UPDATE_EXCLUSIVE,
            "create_policy_stmt": Lock.ACCESS_EXCLUSIVE,
            "create_stats_stmt": Lock.SHARE_UPDATE_EXCLUSIVE,
            "create_stmt": _create,
            "create_table_as_stmt": _reading,
            "create_trig_stmt": Lock.SHARE_ROW_EXCLUSIVE,
            "delete_stmt": _writing,
            "index_stmt": _index,
            "insert_stmt": _writing,
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


def _is_name(parts: list[str], table: TableName) -> bool:
    return parts in ([table.name], [table.schema, table.name])


def _language(node: Node) -> str:
    options = (one.def_elem for one in node.options)
    return next(
        (one.arg.string.sval.lower() for one in options if one.defname == "language"), "sql"
    )
