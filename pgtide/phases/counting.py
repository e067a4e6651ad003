"""The statement that verification counts with: a range of a leaf, and its rows out of step."""

from typing import Final, Literal

from pgtide.model.plan import Plan
from pgtide.model.table import TableName
from pgtide.postgres.ddl import escaped, fill, relation

WITHIN: Final = "t.ctid >= %(low)s::tid AND (%(high)s::tid IS NULL OR t.ctid < %(high)s::tid)"


# The test of a row in quarantine may fail.
KEPT: Final = "t.ctid = ANY (%(kept)s::tid[])"


def counting(
    plan: Plan,
    leaf: TableName | None = None,
    *,
    kept: Literal["true", "false"] | None = None,
    within: str = WITHIN,
) -> str:
    """Return the statement that counts a range's rows of a leaf, and those out of step.

    `kept` says how rows in quarantine count, whose places are a parameter: nobody looks at them.
    """
    tests = escaped(" AND ".join(comparison.in_step for comparison in plan.comparisons))
    test = f"CASE WHEN {KEPT} THEN {kept} ELSE NOT ({tests}) END" if kept else f"NOT ({tests})"
    head = fill(
        "SELECT count(*) AS rows, count(*) FILTER (WHERE {test}) AS mismatches FROM ONLY "
        "{table} AS t",
        test=test,
        table=escaped(relation(leaf or plan.table)),
    )
    return f"{head} WHERE {within}"
