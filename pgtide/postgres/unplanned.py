"""What the replaced columns have got, lost or changed since the plan was made.

A plan is settled before expand; whoever adds an index to the old column afterwards would lose it at
contract.
"""

from collections.abc import Iterator
from typing import Final

from pgtide.model.plan import Plan
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("twins")


def unplanned(session: Session, plan: Plan) -> tuple[str, ...]:
    """Return in words what has no twin, or not the one that it needs; nothing where all is well."""
    if not plan.replacements:
        return ()
    # Definitions are compared with those that preflight read.
    before = session.value("SELECT current_setting('search_path')")
    session.configure({"search_path": "pg_catalog"}, local=True)
    there = {(kind, name): text for kind, name, text in _there(session, plan)}
    session.configure({"search_path": before}, local=True)
    return (*_without(plan, there), *_gone(plan, there))


def _there(session: Session, plan: Plan) -> Iterator[tuple[str, str, str]]:
    where = {
        "oid": plan.table_oid,
        "columns": [one.old for one in plan.replacements],
        "news": [one.new for one in plan.replacements],
    }
    for row in session.rows(_SQL["indexes"], where):
        # An index that is invalid serves nobody, unless a constraint needs it.
        if row["constraint_type"]:
            yield "constraint", row["name"], row["definition"]
        elif row["valid"]:
            yield "index", row["name"], row["definition"]
    for query in ("checks", "foreign_keys"):
        for row in session.rows(_SQL[query], where):
            yield "constraint", row["name"], row["definition"]
    for row in session.rows(_SQL["not_null"], where):
        yield "not_null", row["definition"], row["definition"]
    for row in session.rows(_SQL["statistics"], where):
        yield "statistics", row["name"], row["definition"]


def _planned(plan: Plan) -> dict[tuple[str, str], str]:
    # NOT NULL had no name before 18; its definition says all.
    return {
        (twin.kind, twin.original if twin.kind == "not_null" else twin.name): twin.original
        for twin in plan.twins
    }


def _without(plan: Plan, there: dict[tuple[str, str], str]) -> Iterator[str]:
    planned = _planned(plan)
    for (kind, name), definition in there.items():
        if (kind, name) not in planned:
            yield f"{_word(kind)}{name}"
        # An index that the migration's file declares replaces the old one, whatever that is.
        elif planned[kind, name] not in {"", definition}:
            yield f"{_word(kind)}{name}, which was changed since"


def _gone(plan: Plan, there: dict[tuple[str, str], str]) -> Iterator[str]:
    for (kind, name), original in _planned(plan).items():
        if original and (kind, name) not in there:
            yield f"{_word(kind)}{name}, which is gone"


def _word(kind: str) -> str:
    return "" if kind == "not_null" else f"{kind} "
