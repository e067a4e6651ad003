"""Writes after contract that the old shape cannot hold, where a migration lets them pass.

The old column is NULL then, and a counter says that there is no way back to it.
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from pgtide.changes.replacement import PRIVATE
from pgtide.changes.required import Required, required
from pgtide.changes.sync_trigger import released
from pgtide.model.followers import Followers
from pgtide.model.plan import Plan
from pgtide.model.statement import Lock, Statement
from pgtide.model.table import Table, TableName
from pgtide.postgres.ddl import fill, ident, literal, relation

_CANNOT_HOLD: Final = MappingProxyType(
    {
        "fail": 'fails (on_unrepresentable="fail")',
        "release": (
            'passes and gives up the way back from contract (on_unrepresentable="release")'
        ),
    }
)


def counter(plan: Plan) -> str:
    """Return the counter's name, empty where no write can give up the way back."""
    releases = plan.terms.on_unrepresentable == "release"
    lossy = any(one.new.startswith(PRIVATE) and not one.identity for one in plan.replacements)
    return ident("pgtide", released(plan.tag)) if releases and lossy else ""


def releasing(plan: Plan) -> Iterator[Statement]:
    """Yield what makes the counter."""
    name = counter(plan)
    if not name:
        return
    yield Statement(
        sql=fill("CREATE SEQUENCE IF NOT EXISTS {name}", name=name),
        lock=Lock.NONE,
        why="counts writes that the old column cannot hold: from the first on, no way back",
        undo=fill("DROP SEQUENCE IF EXISTS {name}", name=name),
    )
    yield Statement(
        sql=fill("GRANT USAGE ON SEQUENCE {name} TO PUBLIC", name=name),
        lock=Lock.NONE,
        why="the triggers run with the rights of whoever writes",
    )


def narrowing(plan: Plan, table: Table) -> Iterator[str]:
    """Yield, for each column whose type changes, what becomes of values that the old cannot hold.

    Only contract lets the application write such a value: until then it knows the old column alone.
    """
    kinds = dict(plan.expected.columns)
    for one in plan.replacements:
        old = table.column(one.old)
        if old is None or one.identity or not one.new.startswith(PRIVATE):
            continue
        yield (
            f"{one.old}: from contract to purge each new value ({kinds[one.new]}) is written to the"
            f" old column ({old.type}) too, by `down`; a write of one that this cannot hold"
            f" {_CANNOT_HOLD[plan.terms.on_unrepresentable]}. What `up` would not give back from"
            " the old value, undo puts into pgtide.archive."
        )
        if old.not_null and plan.terms.on_unrepresentable == "release":
            yield (
                f"{one.old}: undo of contract checks NOT NULL for new rows at once, and reads the "
                "table while everyone writes; safe_rollback_migration is one transaction, and "
                "reads it under its lock."
            )


def released_columns(plan: Plan, table: TableName, followers: Followers) -> Iterator[Statement]:
    """Yield what lets the old columns be NULL."""
    for one in to_require(plan, followers):
        yield Statement(
            sql=fill(
                "ALTER TABLE {table} ALTER {column} DROP NOT NULL",
                table=relation(table),
                column=ident(one.column.retired),
            ),
            lock=Lock.ACCESS_EXCLUSIVE,
            why="NULL stands for what it cannot hold; undo forbids it again, and reads the table "
            "after its lock, or under it where it comes from psql",
            undo=one.again(plan, table),
        )


def to_require(plan: Plan, followers: Followers) -> tuple[Required, ...]:
    """Return the old columns that may be NULL from contract on, and not after its undo."""
    return tuple(required(plan, followers)) if counter(plan) else ()


def release_guard(plan: Plan) -> tuple[str, ...]:
    """Return the statement with which undo begins: it fails where the way back was given up."""
    name = counter(plan)
    if not name:
        return ()
    body = fill(
        "BEGIN IF (SELECT is_called FROM {name}) THEN RAISE EXCEPTION"
        " 'the way back was released: there are writes that the old columns cannot hold';"
        " END IF; END",
        name=name,
    )
    return (fill("DO {body}", body=literal(body)),)
