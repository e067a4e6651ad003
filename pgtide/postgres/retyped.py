"""Whether views and policies hold with a replaced column's new type: contract makes them again.

They are tried on an empty copy of the table that has the new types, long before contract.
"""

from collections.abc import Sequence
from typing import Final

import psycopg
from postgast import deparse, parse

from pgtide.model.followers import Follower
from pgtide.model.plan import Plan
from pgtide.postgres.ddl import fill, ident, relation
from pgtide.postgres.faults import translate
from pgtide.postgres.session import Session
from pgtide.postgres.statement_lock import Node, relations

_TRIED: Final = ("CREATE VIEW ", "ALTER POLICY ")
# Types that do not go together. Any other error may be the copy's, and is contract's to find.
_TYPES: Final = frozenset({"22P02", "42804", "42846", "42883", "42P18", "42725"})
_TROUBLE: Final = ("08", "53", "57", "58", "XX")


def misfit(session: Session, plan: Plan, followers: Sequence[Follower]) -> str:
    """Return in words the first view or policy that the new types break, empty where none is."""
    texts = [(one.what, text) for one in followers for text in one.again if text.startswith(_TRIED)]
    kinds = dict(plan.expected.columns)
    changed = [(one.old, kinds[one.new]) for one in plan.replacements if not one.identity]
    if not texts or not changed:
        return ""
    copied = {(plan.table.schema, plan.table.name)}
    tried = "nothing yet"
    try:
        with session.rolled_back():
            _copy(session, plan, changed)
            for what, text in texts:
                tried = what.rstrip(",")
                session.single(_on_copy(text, plan, copied))
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(_TROUBLE):
            raise translate(error, f"trying {tried} with the new types") from error
        return f"{tried}: {error.diag.message_primary}" if error.sqlstate in _TYPES else ""
    return ""


def _copy(session: Session, plan: Plan, changed: Sequence[tuple[str, str]]) -> None:
    session.execute(
        fill(
            "CREATE TEMP TABLE {copy} (LIKE {table} INCLUDING INDEXES)",
            copy=ident(plan.table.name),
            table=relation(plan.table),
        )
    )
    for name, kind in changed:
        session.execute(
            fill(
                "ALTER TABLE {copy} DROP COLUMN {name}, ADD COLUMN {name} {kind}",
                copy=ident("pg_temp", plan.table.name),
                name=ident(name),
                kind=kind,
            )
        )


def _on_copy(text: str, plan: Plan, copied: set[tuple[str, str]]) -> str:
    """Let a view or a policy stand on the copies of what it stands on, which have its names."""
    tree = parse(text)
    node = tree.stmts[0].stmt
    if node.HasField("alter_policy_stmt"):
        tree = _created(node.alter_policy_stmt, plan)
    else:
        copied.add((node.view_stmt.view.schemaname, node.view_stmt.view.relname))
    for one in relations(tree):
        if (one.schemaname, one.relname) in copied:
            one.schemaname = "pg_temp"
    return str(deparse(tree))


def _created(policy: Node, plan: Plan) -> Node:
    tree = parse(f"CREATE POLICY pgtide_policy ON {relation(plan.table)}")
    made = tree.stmts[0].stmt.create_policy_stmt
    made.policy_name = policy.policy_name
    for name in ("qual", "with_check"):
        if policy.HasField(name):
            getattr(made, name).CopyFrom(getattr(policy, name))
    return tree
