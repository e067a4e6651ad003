"""Rows whose new values would break what the old column promises, counted before anything changes.

Where `up` changes a value, a CHECK or NOT NULL of the old column need not hold for the new one.
"""

from collections.abc import Iterator, Sequence

from pgtide.changes.change import Impossible
from pgtide.model.original import Originals
from pgtide.model.plan import Plan
from pgtide.postgres.ddl import fill, ident, listed, relation


def misfits(
    plan: Plan, originals: Originals, fresh: Sequence[tuple[str, str, str]]
) -> Iterator[Impossible]:
    """Yield a query for each promise; `fresh` has the new columns with type and value."""
    if all(one.identity for one in plan.replacements):
        return
    values = listed(
        [
            # The line's end ends a comment in the expression.
            fill("CAST(({value}\n) AS {type}) AS {name}", value=value, type=kind, name=ident(name))
            for name, kind, value in fresh
        ]
    )
    promises = [(one.name, f"NOT ({one.test})") for one in originals.constraints if one.test]
    promises += [(one.definition, f"{ident(one.column)} IS NULL") for one in originals.not_null]
    for name, broken in promises:
        yield Impossible(
            query=fill(
                "SELECT count(*) FROM (SELECT t.*, {values} FROM {table} t) r WHERE {broken}",
                values=values,
                table=relation(plan.table),
                broken=broken,
            ),
            meaning=f"{name} does not hold for the values that `up` gives",
            converts=True,
        )
