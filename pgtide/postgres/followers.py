"""What follows the number of the replaced columns, read from the catalog.

The session's search path is PostgreSQL's own alone, so every name in a definition is qualified.
Only plain queries: contract reads it once more under its lock.
"""

from collections.abc import Iterator
from typing import Final

from pgtide.model.followers import ColumnMarks, Followers, Marks
from pgtide.model.plan import Plan
from pgtide.model.table import Grant
from pgtide.postgres.dependents import read_dependents
from pgtide.postgres.session import Session
from pgtide.postgres.unplanned import unplanned
from pgtide.sql import queries

_SQL: Final = queries("followers")


def read_followers(session: Session, plan: Plan) -> Followers:
    """Return what follows the replaced columns now; before expand there are no new ones yet."""
    if not plan.replacements:
        return Followers()
    marks = _marks(session, plan)
    followers, stuck = read_dependents(session, plan)
    begun = all(one.new in marks for one in plan.replacements)
    return Followers(
        columns=tuple(
            ColumnMarks(name=one.old, old=marks[one.old], new=marks.get(one.new, Marks()))
            for one in plan.replacements
            if one.old in marks
        ),
        followers=followers,
        unfollowable=(*_stuck(session, plan), *stuck, *(unplanned(session, plan) if begun else ())),
    )


def _marks(session: Session, plan: Plan) -> dict[str, Marks]:
    names = [name for one in plan.replacements for name in (one.old, one.new)]
    return {
        row.pop("name"): Marks(
            **{
                **row,
                "options": tuple(row["options"]),
                "sequences": tuple(row["sequences"]),
                "grants": tuple(Grant(**grant) for grant in row["grants"]),
            }
        )
        for row in session.rows(_SQL["marks"], {"oid": plan.table_oid, "columns": names})
    }


def _stuck(session: Session, plan: Plan) -> Iterator[str]:
    where = {"oid": plan.table_oid, "columns": [one.old for one in plan.replacements]}
    for row in session.rows(_SQL["stuck"], where):
        yield row["words"]
