"""Statements that set for a new column what was set for the one that it replaces."""

from collections.abc import Iterator

from pgtide.model.original import ColumnSettings
from pgtide.model.statement import Lock, Statement
from pgtide.model.table import TableName
from pgtide.postgres.ddl import fill, ident, relation


def settings_statements(table: TableName, one: ColumnSettings) -> Iterator[Statement]:
    """Yield a statement for each setting; their undo is the column's."""
    storage = ""
    if one.storage:
        storage = fill("STORAGE {storage}", storage=one.storage)
    for clause, lock in (
        (storage, Lock.ACCESS_EXCLUSIVE),
        (f"COMPRESSION {one.compression}" if one.compression else "", Lock.ACCESS_EXCLUSIVE),
        (
            f"STATISTICS {one.target}" if one.target is not None else "",
            Lock.SHARE_UPDATE_EXCLUSIVE,
        ),
        (f"({one.options})" if one.options else "", Lock.SHARE_UPDATE_EXCLUSIVE),
    ):
        if clause:
            yield Statement(
                sql=fill(
                    "ALTER TABLE {table} ALTER COLUMN {column} SET {clause}",
                    table=relation(table),
                    column=ident(one.column),
                    clause=clause,
                ),
                lock=lock,
                why="as it was set for the old column, before the first value is stored",
            )
