"""Extended statistics for the new columns, and the comments of all that is built for them."""

from collections.abc import Sequence
from typing import Final

from pgtide.model.original import StatisticsOriginal
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import Table, TableName
from pgtide.postgres.ddl import fill, ident, literal, relation

# What COMMENT locks of the table itself.
_COMMENT_LOCKS: Final = {"constraint": Lock.ACCESS_SHARE}


def statistics_step(table: Table, name: str, one: StatisticsOriginal) -> Step:
    """Return the step that makes extended statistics; the ANALYZE at the end fills them."""
    named = ident(table.name.schema, name)
    create = Statement(
        sql=fill(
            "CREATE STATISTICS {name}{kinds} ON {on} FROM {table}",
            name=named,
            kinds=f" ({one.kinds})" if one.kinds else "",
            on=one.on,
            table=relation(table.name),
        ),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        why=f"twin of the extended statistics {one.name}; no row is read yet",
        undo=fill("DROP STATISTICS IF EXISTS {name}", name=named),
    )
    target = Statement(
        sql=fill(
            "ALTER STATISTICS {name} SET STATISTICS {target}", name=named, target=str(one.target)
        ),
        lock=Lock.NONE,
        why="as it was set for the original",
    )
    there = fill(
        "FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace"
        " WHERE n.nspname = {schema} AND s.stxname = {name}",
        schema=literal(table.name.schema),
        name=literal(name),
    )
    return Step(
        name=f"finalize.statistics.{name}",
        phase=Phase.FINALIZE,
        statements=(create, *((target,) if one.target is not None else ())),
        present=f"SELECT EXISTS (SELECT {there} AND s.stxrelid = {table.oid})",
        taken=f"SELECT 'other statistics are called ' || s.stxname {there}",
    )


def commented(table: TableName, kind: str, name: str, comment: str | None) -> tuple[Statement, ...]:
    """Return the statement that gives a twin the original's comment, where that has one."""
    if comment is None:
        return ()
    where = {
        "index": fill("INDEX {name}", name=ident(table.schema, name)),
        "constraint": fill("CONSTRAINT {name} ON {table}", name=ident(name), table=relation(table)),
        "statistics": fill("STATISTICS {name}", name=ident(table.schema, name)),
    }[kind]
    return (
        Statement(
            sql=fill("COMMENT ON {where} IS {comment}", where=where, comment=literal(comment)),
            lock=_COMMENT_LOCKS.get(kind, Lock.NONE),
            why="as the original is described",
        ),
    )


def comment_step(statements: Sequence[Statement]) -> tuple[Step, ...]:
    """Return the step that describes the twins, where any is described; it may be repeated."""
    if not statements:
        return ()
    return (
        Step(
            name="finalize.comments",
            phase=Phase.FINALIZE,
            statements=tuple(statements),
            present="",
        ),
    )
