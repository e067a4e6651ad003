"""Whether views and policies hold with a replaced column's new type: contract makes them again.

They are tried on an empty copy of the table that has the new types, long before contract; before
that on one that has the old types, since not everything holds on a copy.
"""

from collections.abc import Sequence
from typing import Final

import psycopg
from postgast import deparse, parse

from pgtide.model.followers import Follower
from pgtide.model.plan import Plan
from pgtide.postgres.ddl import fill, ident, relation
from pgtide.postgres.faults import translate, troubled
from pgtide.postgres.session import Session
from pgtide.postgres.statement_lock import Node, relations

_TRIED: Final = ("CREATE VIEW ", "ALTER POLICY ")

_Text = tuple[str, str]


def misfit(session: Session, plan: Plan, followers: Sequence[Follower]) -> str:
    """Return in words the first view or policy that the new types break, empty where none is."""
    texts = [(one.what, text) for one in followers for text in one.again if text.startswith(_TRIED)]
    kinds = dict(plan.expected.columns)
    changed = [(one.old, kinds[one.new]) for one in plan.replacements if not one.identity]
    if not texts or not changed:
        return ""
    # What fails with the old types too fails for the copy's sake, and is contract's to find.
    held = [one for one, error in _all_tried(session, plan, (), texts) if error is None]
    for (what, _), error in _all_tried(session, plan, changed, held):
        if error is not None:
            return f"{what.rstrip(',')}: {error.diag.message_primary}"
    return ""


def _all_tried(
    session: Session, plan: Plan, changed: Sequence[tuple[str, str]], texts: Sequence[_Text]
) -> list[tuple[_Text, psycopg.Error | None]]:
    """Run texts on a copy, each whatever became of the others, and take all of it back."""
    copied = {(plan.table.schema, plan.table.name)}
    with session.rolled_back():
        _copy(session, plan, changed)
        return [(one, _error(session, one[0], _on_copy(one[1], plan, copied))) for one in texts]


def _error(session: Session, what: str, text: str) -> psycopg.Error | None:
    session.execute("SAVEPOINT pgtide_trial")
    try:
        session.single(text)
    except psycopg.Error as error:
        if troubled(error):
            raise translate(error, f"trying {what.rstrip(',')} on an empty copy") from error
        session.execute("ROLLBACK TO pgtide_trial")
        return error
    return None


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
