"""What follows the number of the replaced columns, read from the catalog.

The session's search path is PostgreSQL's own alone, so every name in a definition is qualified.
"""

from typing import Final

from pgtide.model.followers import ColumnMarks, Followers, Marks
from pgtide.model.plan import Plan
from pgtide.model.table import Grant
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("followers")


def read_followers(session: Session, plan: Plan) -> Followers:
    """Return what follows the replaced columns now; before expand there are no new ones yet."""
    return Followers(columns=_columns(session, plan))


def _columns(session: Session, plan: Plan) -> tuple[ColumnMarks, ...]:
    names = [name for one in plan.replacements for name in (one.old, one.new)]
    rows = session.rows(_SQL["marks"], {"oid": plan.table_oid, "columns": names})
    found = {
        row.pop("name"): Marks(
            **{
                **row,
                "options": tuple(row["options"]),
                "sequences": tuple(row["sequences"]),
                "grants": tuple(Grant(**grant) for grant in row["grants"]),
            }
        )
        for row in rows
    }
    return tuple(
        ColumnMarks(name=one.old, old=found[one.old], new=found.get(one.new, Marks()))
        for one in plan.replacements
        if one.old in found
    )
