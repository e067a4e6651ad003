"""What the partitions of a table have of what contract renames, or for themselves alone."""

from collections.abc import Sequence
from typing import Final

from pgtide.model.followers import PartTwin
from pgtide.model.plan import Plan
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("partitions")


def read_part_twins(session: Session, plan: Plan) -> tuple[PartTwin, ...]:
    """Return the parts of indexes that give their names to their twins."""
    twins = [one for one in plan.twins if one.kind == "index" and one.name]
    where = {
        "schema": plan.table.schema,
        "names": [one.name for one in twins],
        "twins": [one.twin for one in twins],
        "retired": [one.retired for one in twins],
    }
    return tuple(PartTwin(**row) for row in session.rows(_SQL["part_twins"], where))


def own_marks(session: Session, plan: Plan) -> tuple[str, ...]:
    """Return in words what a partition has on a replaced column and the table has not."""
    old = [one.old for one in plan.replacements]
    named = [name for one in plan.twins if one.kind == "not_null" for name in (one.name, one.twin)]
    apart = session.rows(_SQL["called_apart"], {"oid": plan.table_oid, "names": named})
    own = partitions_own(session, plan.table_oid, old)
    return (*own, *(str(row["words"]) for row in apart))


def partitions_own(session: Session, oid: int, columns: Sequence[str]) -> tuple[str, ...]:
    """Return in words what partitions have on these columns for themselves alone."""
    where = {"oid": oid, "columns": list(columns)}
    return tuple(str(row["words"]) for row in session.rows(_SQL["own"], where))
