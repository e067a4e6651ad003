"""Steps that give a table a constraint without reading it under a strong lock.

NOT VALID first, which is a moment's work in the catalog; then VALIDATE, which reads the table and
keeps no reader or writer waiting.
"""

from collections.abc import Sequence
from typing import Final

from pgtide.model.original import ConstraintOriginal, IndexOriginal, NotNullOriginal
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import Table, TableName
from pgtide.postgres.ddl import fill, ident, literal, relation

_ADD: Final = "finalize.add."
_VALIDATE: Final = "finalize.validate."


def attach_step(table: TableName, name: str, one: IndexOriginal) -> Step:
    """Return the step that makes a unique index serve a constraint of the index's name."""
    return Step(
        name=f"finalize.attach.{name}",
        phase=Phase.FINALIZE,
        statements=(
            Statement(
                sql=fill(
                    "ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{deferral}",
                    table=relation(table),
                    name=ident(name),
                    deferral=one.deferral,
                ),
                lock=Lock.ACCESS_EXCLUSIVE,
                why=f"twin of {one.name}: the index is built already, nothing is read",
                undo=_drop(table, name),
            ),
        ),
        present=f"SELECT EXISTS (SELECT {_named(table, name)})",
        taken=_taken(table, name),
    )


def not_null_steps(table: Table, name: str, proof: str, one: NotNullOriginal) -> tuple[Step, ...]:
    """Return the steps that make a column NOT NULL over a CHECK that was validated before."""
    check = fill("CHECK ({column} IS NOT NULL) NOT VALID", column=ident(one.column))
    is_set = fill(
        "EXISTS (SELECT FROM pg_attribute WHERE attrelid = {oid} AND attname = {column}"
        " AND attnotnull)",
        oid=str(table.oid),
        column=literal(one.column),
    )
    why = f"twin of {one.definition}"
    return (
        add_step(table.name, proof, check, why=why, done=is_set),
        validate_step(table.name, proof, why=why, done=is_set),
        _set_step(table, name, proof, one, is_set=is_set),
    )


def constraint_steps(table: TableName, name: str, one: ConstraintOriginal) -> tuple[Step, ...]:
    """Return the steps that add a CHECK or a foreign key, and those that validate it."""
    why = f"twin of {one.name}"
    if not one.validated:
        return (add_step(table, name, one.twin, why=why, foreign=one.foreign),)
    definition = f"{one.twin} NOT VALID"
    return (
        add_step(table, name, definition, why=why, foreign=one.foreign),
        validate_step(table, name, why=why),
    )


def add_step(
    table: TableName, name: str, definition: str, *, why: str, foreign: bool = False, done: str = ""
) -> Step:
    """Return the step that adds a constraint which is not validated.

    `done` is a test that says that what comes of it is there already.
    """
    return Step(
        name=f"{_ADD}{name}",
        phase=Phase.FINALIZE,
        statements=(
            Statement(
                sql=fill(
                    "ALTER TABLE {table} ADD CONSTRAINT {name} {definition}",
                    table=relation(table),
                    name=ident(name),
                    definition=definition,
                ),
                lock=Lock.SHARE_ROW_EXCLUSIVE if foreign else Lock.ACCESS_EXCLUSIVE,
                why=f"{why}; it checks every write from now on and reads no row",
                undo=_drop(table, name),
            ),
        ),
        present=_present(table, name, done),
        taken=_taken(table, name),
    )


def validate_step(table: TableName, name: str, *, why: str, done: str = "") -> Step:
    """Return the step that reads the table once to see that every row holds."""
    return Step(
        name=f"{_VALIDATE}{name}",
        phase=Phase.FINALIZE,
        transactional=False,
        statements=(
            Statement(
                sql=fill(
                    "ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
                    table=relation(table),
                    name=ident(name),
                ),
                lock=Lock.SHARE_UPDATE_EXCLUSIVE,
                why=f"{why}; it reads the whole table, readers and writers pass",
            ),
        ),
        present=_present(table, name, done, "AND c.convalidated"),
    )


def added_before(step: Step, steps: Sequence[Step]) -> Step | None:
    """Return the step that added what a step validates, if that is what it does."""
    if not step.name.startswith(_VALIDATE):
        return None
    name = _ADD + step.name.removeprefix(_VALIDATE)
    return next((one for one in steps if one.name == name), None)


def _set_step(table: Table, name: str, proof: str, one: NotNullOriginal, *, is_set: str) -> Step:
    parts = {"table": relation(table.name), "column": ident(one.column), "name": ident(name)}
    # Since 18 the constraint has a name of its own, and a table has each name once.
    if one.name:
        sql = fill(
            "ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {column}{suffix}",
            **parts,
            suffix=one.suffix,
        )
    else:
        sql = fill("ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL", **parts)
    return Step(
        name=f"finalize.not_null.{name}",
        phase=Phase.FINALIZE,
        statements=(
            # It has no undo of its own: it goes with the column.
            Statement(
                sql=sql,
                lock=Lock.ACCESS_EXCLUSIVE,
                why=f"twin of {one.definition}: the validated CHECK proves it, no row is read",
            ),
            # Not in the same ALTER TABLE: that would drop the proof before it is used.
            Statement(
                sql=_drop(table.name, proof),
                lock=Lock.ACCESS_EXCLUSIVE,
                why="the proof has served",
            ),
        ),
        present=f"SELECT {is_set} AND NOT EXISTS (SELECT {_named(table.name, proof)})",
    )


def _present(table: TableName, name: str, done: str, also: str = "") -> str:
    there = f"EXISTS (SELECT {_named(table, name)} {also})"
    return f"SELECT {done} OR {there}" if done else f"SELECT {there}"


def _named(table: TableName, name: str) -> str:
    return fill(
        "FROM pg_constraint c WHERE c.conrelid = {table}::regclass AND c.conname = {name}",
        table=literal(relation(table)),
        name=literal(name),
    )


def _taken(table: TableName, name: str) -> str:
    return f"SELECT 'a constraint of the table is called ' || c.conname {_named(table, name)}"


def _drop(table: TableName, name: str) -> str:
    return fill(
        "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}",
        table=relation(table),
        name=ident(name),
    )
