"""Contract: the new columns take the final names, in one short transaction.

A rename moves names, while the catalog keeps what belongs to a column by its number. All of that is
redone here under the same lock; what would have to scan was built in finalize and is only renamed.
Every statement carries its undo, and the undo of the whole gives back the very schema of before.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pgtide.changes.column_marks import marks_statements
from pgtide.changes.release import release_guard, released_columns, releasing, to_require
from pgtide.changes.replacement import PRIVATE, swapped
from pgtide.changes.required import required_steps
from pgtide.changes.sql import done, joined
from pgtide.model.followers import Followers
from pgtide.model.plan import Plan, Replacement
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import Table, TableName
from pgtide.postgres.ddl import fill, fitted, ident, listed, literal, relation
from pgtide.postgres.statement_lock import lock_named

SHAPE = "contract.shape"

# Renaming these reaches for themselves alone.
_APART: Final = frozenset({"index", "statistics"})


def contract_step(plan: Plan, table: Table, followers: Followers) -> Step:
    """Return the one step of contract, made from what the catalog shows before it."""
    locks = tuple(_locks(table.name, followers))
    turned = tuple(replace(one, undo="") for one in plan.turned)
    ahead, again = tuple(_ahead(followers)), tuple(_again(followers, table.name))
    shape = Step(
        name=SHAPE,
        phase=Phase.CONTRACT,
        statements=(
            *locks,
            *ahead,
            *releasing(plan),
            *_renamed_twins(plan, table.name),
            *_renamed_parts(followers),
            *_renamed_columns(plan, table.name),
            *released_columns(plan, table.name, followers),
            *turned,
            *marks_statements(plan, table.name, followers),
            *again,
        ),
        present=present(plan),
        undo_first=(*(one.sql for one in (*locks, *ahead)), *release_guard(plan)),
        undo_last=(*(one.undo for one in plan.turned), *(one.sql for one in again)),
    )
    return joined(shape, plan)


def after_undo(plan: Plan, table: Table, followers: Followers) -> tuple[Step, ...]:
    """Return the steps whose undo comes after the names are back, in the order of undoing."""
    return required_steps(plan, table.name, to_require(plan, followers))


def _locks(table: TableName, followers: Followers) -> Iterator[Statement]:
    """Yield the locks: on views before the table, as their readers take them."""
    for one in reversed(followers.followers):
        if one.lock:
            yield Statement(
                sql=one.lock,
                lock=Lock.NONE,
                why=f"locks {one.what} and changes nothing: its readers hold it before the table",
            )
    yield locked([table])


def _ahead(followers: Followers) -> Iterator[Statement]:
    for one in reversed(followers.followers):
        for text in one.ahead:
            yield Statement(
                sql=text,
                lock=Lock.NONE,
                why=f"{one.what} cannot be replaced: it is made again below, with all it had",
            )


def _again(followers: Followers, table: TableName) -> Iterator[Statement]:
    for one in followers.followers:
        for text in one.again:
            yield Statement(
                sql=text,
                lock=lock_named(text, table) or Lock.ACCESS_EXCLUSIVE,
                why=f"{one.what} follows the name: said again, it means the new column",
            )


def present(plan: Plan) -> str:
    """Return the query that tells whether the new columns have the final names.

    The new column came later, so its number is the higher one, whatever both are called.
    """
    tests = [swapped(plan.table_oid, one) for one in plan.replacements]
    tests += [absent(plan, twin.twin) for twin in plan.twins if twin.name]
    # Where no name changes the ledger alone can tell; the proof is looked at under the lock too.
    return f"SELECT {' AND '.join(tests) or done(plan.migration_id, SHAPE)}"


def absent(plan: Plan, name: str) -> str:
    """Return the test whether no index, constraint or statistics of the table has a name."""
    return fill(
        "{name} NOT IN (SELECT relname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid"
        " WHERE indrelid = {oid}"
        " UNION ALL SELECT conname FROM pg_constraint WHERE conrelid = {oid}"
        " UNION ALL SELECT stxname FROM pg_statistic_ext WHERE stxrelid = {oid})",
        name=literal(name),
        oid=str(plan.table_oid),
    )


def locked(relations: list[TableName]) -> Statement:
    """Return the statement that waits for the lock, on views before the tables behind them."""
    return Statement(
        sql=fill(
            "LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE",
            tables=listed([relation(one) for one in relations]),
        ),
        lock=Lock.ACCESS_EXCLUSIVE,
        why="one wait for the lock; everything after it takes milliseconds",
    )


def _renamed_columns(plan: Plan, table: TableName) -> Iterator[Statement]:
    for one in plan.replacements:
        yield from _renamed_column(plan, table, one)


def _renamed_column(plan: Plan, table: TableName, one: Replacement) -> Iterator[Statement]:
    why = f"{one.old} is the new column from now on"
    if one.retired != one.new:
        yield _rename(table, one.old, one.retired, why=f"{one.old} gives its name away")
        yield _rename(table, one.new, one.old, why=why)
        return
    # Two names cannot be exchanged at once.
    between = fitted(f"{PRIVATE}{plan.tag}_swap_", one.old)
    yield _rename(table, one.old, between, why=f"{one.old} gives its name away")
    yield _rename(table, one.new, one.old, why=why)
    yield _rename(table, between, one.retired, why=f"{one.retired} stays in use until purge")


def _rename(table: TableName, before: str, after: str, *, why: str) -> Statement:
    def renamed(one: str, other: str) -> str:
        return fill(
            "ALTER TABLE {table} RENAME COLUMN {one} TO {other}",
            table=relation(table),
            one=ident(one),
            other=ident(other),
        )

    return Statement(
        sql=renamed(before, after),
        lock=Lock.ACCESS_EXCLUSIVE,
        why=why,
        undo=renamed(after, before),
    )


def _renamed_twins(plan: Plan, table: TableName) -> Iterator[Statement]:
    for twin in plan.twins:
        if not twin.name:
            continue
        for before, after in ((twin.name, twin.retired), (twin.twin, twin.name)):
            yield Statement(
                sql=_renamed(twin.kind, table, before, after),
                lock=Lock.NONE if twin.kind in _APART else Lock.ACCESS_EXCLUSIVE,
                why=f"the {twin.kind.replace('_', ' ')} {before} is called {after} from now on",
                undo=_renamed(twin.kind, table, after, before),
            )


def _renamed_parts(followers: Followers) -> Iterator[Statement]:
    # A partition may be dropped until undo: then its index is missed by nobody.
    text = "ALTER INDEX IF EXISTS {before} RENAME TO {after}"
    for one in followers.parts:
        retired = fitted("", one.retired, f"_{one.part}")
        for before, after in ((one.name, retired), (one.twin, one.name)):
            yield Statement(
                sql=fill(text, before=ident(one.schema, before), after=ident(after)),
                lock=Lock.NONE,
                why=f"the part {before} of an index is called {after} from now on",
                undo=fill(text, before=ident(one.schema, after), after=ident(before)),
            )


def _renamed(kind: str, table: TableName, before: str, after: str) -> str:
    if kind in {"constraint", "not_null"}:
        return fill(
            "ALTER TABLE {table} RENAME CONSTRAINT {before} TO {after}",
            table=relation(table),
            before=ident(before),
            after=ident(after),
        )
    return fill(
        "ALTER {kind} {before} RENAME TO {after}",
        kind="INDEX" if kind == "index" else "STATISTICS",
        before=ident(table.schema, before),
        after=ident(after),
    )
