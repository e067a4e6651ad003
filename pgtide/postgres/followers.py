"""What follows the number of the replaced columns, read from the catalog.

The session's search path is PostgreSQL's own alone, so every name in a definition is qualified.
Only plain queries: contract reads it once more under its lock.
"""

import re
from collections.abc import Iterator
from typing import Final

from pgtide.model.followers import ColumnMarks, Followers, Marks
from pgtide.model.plan import Plan, Replacement
from pgtide.model.table import Grant
from pgtide.postgres.dependents import read_dependents
from pgtide.postgres.part_twins import own_marks, read_part_twins
from pgtide.postgres.session import Session
from pgtide.postgres.unplanned import unplanned
from pgtide.sql import queries

_SQL: Final = queries("followers")
_CONSTANT: Final = re.compile(
    r"""(E?'(?:[^']|'')*'|NULL|true|false|-?[\d.]+(e[+-]?\d+)?)(::[\w\s".,()\[\]]+)?"""
)
_NO_CONSTANT: Final = "which is no constant that `up` could convert"


def read_followers(session: Session, plan: Plan) -> Followers:
    """Return what follows the replaced columns now; before expand there are no new ones yet."""
    if not plan.replacements:
        return Followers()
    marks = _marks(session, plan)
    followers, stuck = read_dependents(session, plan)
    begun = all(one.new in marks for one in plan.replacements)
    columns = tuple(
        ColumnMarks(
            name=one.old,
            old=marks[one.old],
            new=marks.get(one.new, Marks()),
            default=_default(session, one, marks[one.old].default, begun=begun),
        )
        for one in plan.replacements
        if one.old in marks
    )
    return Followers(
        columns=columns,
        followers=followers,
        unfollowable=(
            *_stuck(session, plan),
            *(own_marks(session, plan) if plan.partitioned else ()),
            *(f"the DEFAULT of {one.name}, {_NO_CONSTANT}" for one in columns if _lost(one)),
            *stuck,
            *(unplanned(session, plan) if begun else ()),
        ),
        parts=read_part_twins(session, plan) if plan.partitioned else (),
    )


def _default(session: Session, one: Replacement, default: str | None, *, begun: bool) -> str | None:
    """Return what a column's DEFAULT means for the new one, or None where nobody can say."""
    if default is None or not one.up:
        # PostgreSQL fits it to the new type, as it fits a value.
        return default
    if one.sources != (one.old,):
        return None
    # The planner evaluates what is constant, and writes it as it must be written in a statement.
    text = f"{one.up}({default})" if begun else default
    [plan] = session.rows(f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {text}")
    [output] = next(iter(plan.values()))[0]["Plan"]["Output"]
    return output if _CONSTANT.fullmatch(output) else None


def _lost(column: ColumnMarks) -> bool:
    return column.old.default is not None and column.default is None


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
