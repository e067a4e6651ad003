"""Read one statement of a migration file: what it is, and whether it may run at all.

The parser is PostgreSQL's own, in a library; the server then reads the text too, without running
it, since its version's grammar is the one that counts.
"""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import psycopg
from postgast import PgQueryError, deparse, parse, walk

from pgtide.model.expression import Cost, FreeStatement, StatementFacts
from pgtide.model.state import Phase
from pgtide.model.table import Table, TableName
from pgtide.postgres import squawk
from pgtide.postgres.faults import translate
from pgtide.postgres.mistake import mistake, pointed
from pgtide.postgres.session import Session
from pgtide.postgres.statement_cost import cost_of, judged
from pgtide.postgres.statement_lock import (
    Node,
    is_table,
    kind_name,
    lock_of,
    names_of,
    relations,
)
from pgtide.postgres.statement_write import lost, written

_SYNTAX: Final = "42601"
_TRANSACTION: Final = "it controls the transaction, which is pgtide's own"
_SESSION: Final = "it changes the session that pgtide works in"
_OPAQUE: Final = "it hides what it runs: write the statements themselves, one each"
_ALONE: Final = "it cannot run in a transaction, and pgtide does not know how to mend it half done"
_REFUSED: Final = MappingProxyType(
    {
        "transaction_stmt": _TRANSACTION,
        "alter_role_set_stmt": _SESSION,
        "constraints_set_stmt": _SESSION,
        "deallocate_stmt": _SESSION,
        "discard_stmt": _SESSION,
        "listen_stmt": _SESSION,
        "load_stmt": _SESSION,
        "prepare_stmt": _SESSION,
        "unlisten_stmt": _SESSION,
        "variable_set_stmt": _SESSION,
        "call_stmt": _OPAQUE,
        "do_stmt": _OPAQUE,
        "execute_stmt": _OPAQUE,
        "explain_stmt": _OPAQUE,
        "alter_database_set_stmt": _ALONE,
        "alter_system_stmt": _ALONE,
        "check_point_stmt": _ALONE,
        "cluster_stmt": "it rewrites the table under ACCESS EXCLUSIVE",
        "close_portal_stmt": _SESSION,
        "copy_stmt": "it waits for data that nobody would send",
        "create_subscription_stmt": _ALONE,
        "create_table_space_stmt": _ALONE,
        "createdb_stmt": _ALONE,
        "declare_cursor_stmt": _SESSION,
        "drop_subscription_stmt": _ALONE,
        "drop_table_space_stmt": _ALONE,
        "dropdb_stmt": _ALONE,
        "fetch_stmt": _SESSION,
        "lock_stmt": "it holds a lock and does nothing with it",
    }
)
_CALLS: Final = frozenset({"pg_advisory_unlock", "pg_advisory_unlock_all", "set_config"})
_ALL_TRIGGERS: Final = frozenset(
    {"AT_DisableTrigAll", "AT_DisableTrigUser", "AT_EnableTrigAll", "AT_EnableTrigUser"}
)
_OURS: Final = ("_pgtide_", "~zz_pgtide_")


def read(
    session: Session, table: Table, statement: FreeStatement, *, earlier: tuple[str, ...] = ()
) -> StatementFacts:
    """Return what a statement is, once the `earlier` ones of its migration have run.

    Raises InvalidMigration where it may not run.
    """
    kind, node = _one(statement)
    _refuse(statement, kind, node, table.name)
    _refuse_here(session, statement)
    facts = _facts(statement, kind, node, table.name)
    if not statement.linted:
        return facts
    found = squawk.findings(statement.text, version=session.version, together=facts.together)
    # By then contract has swapped the names: a trial would be of the other column.
    trial = earlier if statement.phase is not Phase.CONTRACT else None
    cost = cost_of(session, table.name, statement.text, trial) if facts.together else Cost.NONE
    writes = written(session, table.name, statement.text, node)
    return replace(
        facts,
        cost=cost,
        loses=lost(kind, node),
        findings=(*judged(statement.text, cost, found), *writes),
    )


def refuse_query(session: Session, label: str, text: str, table: Table) -> None:
    """Raise InvalidMigration where a text is no single query; what it does is the server's to say.

    A transaction that may not write refuses the rest.
    """
    statement = FreeStatement(label=label, text=text, linted=False)
    kind, node = _one(statement, declared="Performance")
    # EXPLAIN ANALYZE would make INTO's table even where nothing may be written.
    makes = any(type(one).__name__ == "IntoClause" for _, one in walk(node))
    if kind != "select_stmt" or makes:
        raise mistake(label, f"{_words(kind)}{' into' if makes else ''} is no query")
    _refuse(statement, kind, node, table.name)
    _refuse_here(session, statement)


def _one(statement: FreeStatement, *, declared: str = "Sql") -> tuple[str, Node]:
    text = statement.text
    try:
        found = parse(text).stmts
    except PgQueryError as error:
        place = len(text.encode()[: max(0, error.cursorpos - 1)].decode(errors="ignore"))
        shown = pointed(text, place) if error.cursorpos else f": {text}"
        raise mistake(statement.label, f"{error.message}{shown}\n") from error
    if len(found) != 1:
        count = f"these are {len(found)} statements" if found else "there is no statement in it"
        raise mistake(statement.label, f"{count}; write one, and a {declared} for each")
    node: Node = found[0].stmt
    kind = node.WhichOneof("node")
    return kind, getattr(node, kind)


def _refuse(statement: FreeStatement, kind: str, node: Node, table: TableName) -> None:
    reason = _REFUSED.get(kind) or _reason(kind, node, table)
    if reason:
        raise mistake(statement.label, f"{_words(kind)} is refused: {reason}")


def _reason(kind: str, node: Node, table: TableName) -> str:
    if kind == "vacuum_stmt" and node.is_vacuumcmd:
        return "it is autovacuum's work; ANALYZE alone may be asked for"
    calls = _called(node) & _CALLS
    if calls:
        return f"{', '.join(sorted(calls))} changes the session that pgtide works in"
    commands = {kind_name(one, "subtype") for _, one in walk(node) if _is_command(one)}
    if commands & _ALL_TRIGGERS:
        return "it switches pgtide's own triggers too: name the trigger"
    if any(one.schemaname == "pgtide" for one in relations(node)) or _names_ours(node):
        return "it names what is pgtide's own"
    return _leaving(kind, node, table)


def _leaving(kind: str, node: Node, table: TableName) -> str:
    moves = {
        "alter_object_schema_stmt": lambda: is_table(node.relation, table),
        "rename_stmt": lambda: (
            kind_name(node, "rename_type") in {"OBJECT_INDEX", "OBJECT_TABLE"}
            and is_table(node.relation, table)
        ),
        "drop_stmt": lambda: (
            kind_name(node, "remove_type") == "OBJECT_TABLE"
            and any(names_of(one)[-1] == table.name for one in node.objects)
        ),
    }
    gone = kind in moves and moves[kind]()
    return "the migration's table must keep its name until it is completed" if gone else ""


def _called(node: Node) -> set[str]:
    """Return the functions that a statement calls, without their schemas."""
    calls = (one for _, one in walk(node) if type(one).__name__ == "FuncCall")
    return {call.funcname[-1].string.sval for call in calls}


def _is_command(node: Node) -> bool:
    return type(node).__name__ == "AlterTableCmd"


def _names_ours(node: Node) -> bool:
    return any(
        isinstance(value, str) and value.startswith(_OURS)
        for _, one in walk(node)
        for field, value in one.ListFields()
        if field.name != "comment"
    )


def _refuse_here(session: Session, statement: FreeStatement) -> None:
    try:
        session.parse(statement.text)
    except psycopg.Error as error:
        if error.sqlstate == _SYNTAX:
            message = error.diag.message_primary or str(error)
            raise mistake(statement.label, f"this server says: {message}") from error
        # Names may be made by the steps before it: only the grammar is asked for.
        if error.sqlstate is None:
            raise translate(error, f"reading the {statement.label}") from error


def _facts(statement: FreeStatement, kind: str, node: Node, table: TableName) -> StatementFacts:
    apart = _APART.get(kind, _never)(node)
    lock = lock_of(kind, node, table)
    if not apart:
        return StatementFacts(kind=_words(kind), lock=lock, together=True)
    builds = drops = None
    if kind == "index_stmt":
        builds = (node.relation.schemaname, node.idxname)
        if not is_table(node.relation, table) or not all(builds) or node.if_not_exists:
            raise mistake(
                statement.label,
                "a concurrent build names its index and the migration's table, with its schema, "
                "and has no IF NOT EXISTS, which would take a half-built index for a success",
            )
    elif kind == "drop_stmt":
        drops = _dropped(statement, node)
    elif not all(one.schemaname for one in relations(node)):
        raise mistake(statement.label, "it runs without a search path: write schema.name")
    return StatementFacts(
        kind=f"{_words(kind)} outside of a transaction",
        lock=lock,
        together=False,
        builds=builds,
        drops=drops,
        inside=_inside(statement.text) if builds or drops else "",
    )


def _inside(text: str) -> str:
    """Return a concurrent statement about an index without the word."""
    tree = parse(text)
    node = tree.stmts[0].stmt
    getattr(node, node.WhichOneof("node")).concurrent = False
    return str(deparse(tree))


def _dropped(statement: FreeStatement, node: Node) -> tuple[str, str]:
    parts = names_of(node.objects[0])
    if len(node.objects) != 1 or len(parts) != 2:  # noqa: PLR2004
        raise mistake(statement.label, "a concurrent DROP INDEX names one index, as schema.name")
    return (parts[0], parts[1])


def _never(node: Node) -> bool:
    del node
    return False


def _validates(node: Node) -> bool:
    return all(
        kind_name(one.alter_table_cmd, "subtype") == "AT_ValidateConstraint" for one in node.cmds
    )


def _reindexes_apart(node: Node) -> bool:
    return any(one.def_elem.defname == "concurrently" for one in node.params)


# What must not run in a transaction, and what only reads for long under a lock that keeps no reader
# or writer waiting: the limit of a short transaction would end it.
_APART: Final[MappingProxyType[str, Callable[[Node], bool]]] = MappingProxyType(
    {
        "alter_table_stmt": _validates,
        "drop_stmt": lambda node: bool(node.concurrent),
        "index_stmt": lambda node: bool(node.concurrent),
        "refresh_mat_view_stmt": lambda node: bool(node.concurrent),
        "reindex_stmt": _reindexes_apart,
        "vacuum_stmt": lambda node: not node.is_vacuumcmd,
    }
)


def _words(kind: str) -> str:
    return kind.removesuffix("_stmt").replace("_", " ")
