"""Purge: what served the old shape goes, and the new shape stays.

There is no way back from here. Never CASCADE: what somebody has hung on an old column meanwhile
keeps it, and the server says who.
"""

from collections.abc import Iterator

from pgtide.changes.contract import absent, locked
from pgtide.changes.release import counter
from pgtide.changes.replacement import swapped
from pgtide.model.plan import Plan, Twin
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import Table, TableName
from pgtide.postgres.ddl import fill, ident, listed, literal, relation

SHAPE = "purge.shape"


def purge_steps(plan: Plan, table: Table) -> tuple[Step, ...]:
    """Return the steps that drop the triggers, the old columns and pgtide's own functions."""
    return (
        Step(
            name=SHAPE,
            phase=Phase.PURGE,
            statements=(
                locked([table.name]),
                *_triggers(plan),
                *_originals(plan, table.name),
                *_columns(plan, table.name),
                *_apart(plan),
            ),
            present=_present(plan),
        ),
    )


def _triggers(plan: Plan) -> Iterator[Statement]:
    """Yield the drops of every trigger that expand made."""
    for one in _made(plan):
        if one.undo.startswith("DROP TRIGGER "):
            yield Statement(
                sql=one.undo,
                lock=Lock.ACCESS_EXCLUSIVE,
                why="no release uses the old column any more: nothing has to be kept in step",
            )


def _made(plan: Plan) -> list[Statement]:
    """Return what expand made for pgtide; what a declared statement made is the declarer's."""
    return [one for step in plan.expand if not step.declared for one in step.statements]


def _originals(plan: Plan, table: TableName) -> Iterator[Statement]:
    """Yield the drops of what gave its name to a twin.

    What is on an old column alone would go with it; not so what spans others too.
    """
    for twin in plan.twins:
        if twin.retired:
            apart = twin.kind == "statistics"
            yield Statement(
                sql=_dropped(twin, table),
                lock=Lock.SHARE_UPDATE_EXCLUSIVE if apart else Lock.ACCESS_EXCLUSIVE,
                why=f"{twin.name} is the one on the new column since contract",
            )


def _dropped(twin: Twin, table: TableName) -> str:
    if twin.kind in {"constraint", "not_null"}:
        return fill(
            "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}",
            table=relation(table),
            name=ident(twin.retired),
        )
    return fill(
        "DROP {kind} IF EXISTS {name}",
        kind="INDEX" if twin.kind == "index" else "STATISTICS",
        name=ident(table.schema, twin.retired),
    )


def _columns(plan: Plan, table: TableName) -> Iterator[Statement]:
    if not plan.replacements:
        return
    drops = [
        fill("DROP COLUMN IF EXISTS {name}", name=ident(one.retired)) for one in plan.replacements
    ]
    yield Statement(
        sql=fill("ALTER TABLE {table} {drops}", table=relation(table), drops=listed(drops)),
        lock=Lock.ACCESS_EXCLUSIVE,
        why="the old values go; the catalog changes, no row is touched",
    )


def _apart(plan: Plan) -> Iterator[Statement]:
    """Yield the drops of what was made beside the table: functions and counters."""
    if counter(plan):
        yield Statement(
            sql=fill("DROP SEQUENCE IF EXISTS {name}", name=counter(plan)),
            lock=Lock.NONE,
            why="there is no way back any more that could be given up",
        )
    for one in reversed(_made(plan)):
        if one.lock is Lock.NONE and one.undo:
            yield Statement(sql=one.undo, lock=Lock.NONE, why="nothing calls or counts it any more")


def _present(plan: Plan) -> str:
    """Return the query that tells whether nothing of pgtide's is left on the table.

    A column that somebody adds later under an old one's name has a number of its own.
    """
    tests = [f"NOT {swapped(plan.table_oid, one)}" for one in plan.replacements]
    tests += [absent(plan, twin.retired) for twin in plan.twins if twin.retired]
    # A trigger cannot be there without its function.
    tests.append(
        fill(
            "NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'pgtide'::regnamespace"
            " AND starts_with(proname, {prefix}))"
            " AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'pgtide'::regnamespace"
            " AND relkind = 'S' AND starts_with(relname, {prefix}))",
            prefix=literal(f"m_{plan.tag}_"),
        )
    )
    return f"SELECT {' AND '.join(tests)}"
