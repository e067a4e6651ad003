"""NOT NULL of an old column that contract had to let go, and its way back without a long lock.

Undoing contract adds it as NOT VALID: from the swap on each write is checked, no row is read. The
steps made here come after that commit: the rows are read while everyone writes, and only then it is
plain. From psql all of it is one transaction, so there the rows are read under the lock.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pgtide.changes.replacement import PRIVATE
from pgtide.model.followers import Followers
from pgtide.model.plan import Plan, Replacement
from pgtide.model.state import Phase
from pgtide.model.statement import Step
from pgtide.model.table import TableName
from pgtide.postgres.ddl import fill, fitted, ident, relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """A replaced column whose old side allowed no NULL; `name` is empty before PostgreSQL 18."""

    column: Replacement
    name: str

    def again(self, plan: Plan, table: TableName) -> str:
        """Return what checks each write from now on, under the name that the column has retired to.

        Before 18 a CHECK stands in: the server takes it for a proof once it is validated.
        """
        names = {twin.name: twin.retired for twin in plan.twins if twin.kind == "not_null"}
        parts = {"table": relation(table), "column": ident(self.column.retired)}
        if self.name:
            return fill(
                "ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {column} NOT VALID",
                **parts,
                name=ident(names.get(self.name, self.name)),
            )
        return fill(
            "ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID",
            **parts,
            name=ident(_proof(plan, self.column)),
        )


def required(plan: Plan, followers: Followers) -> Iterator[Required]:
    """Yield the replaced columns of which contract drops NOT NULL, where it lets writes pass."""
    marks = {one.name: one for one in followers.columns}
    for one in plan.replacements:
        found = marks.get(one.old)
        if not one.identity and found is not None and found.old.not_null:
            yield Required(column=one, name=found.old.not_null_name)


def required_steps(plan: Plan, table: TableName, columns: tuple[Required, ...]) -> tuple[Step, ...]:
    """Return the steps that act in undo alone, in the order of undoing."""
    if not columns:
        return ()
    read = tuple(
        fill(
            "ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
            table=relation(table),
            name=ident(one.name or _proof(plan, one.column)),
        )
        for one in columns
    )
    plain = tuple(text for one in columns if not one.name for text in _plain(plan, table, one))
    steps = [_undoing("contract.required.read", read, transactional=False)]
    if plain:
        steps.append(_undoing("contract.required.plain", plain, transactional=True))
    return tuple(steps)


def _plain(plan: Plan, table: TableName, one: Required) -> Iterator[str]:
    # Two statements: one would drop the proof before it is used.
    yield fill(
        "ALTER TABLE {table} ALTER {column} SET NOT NULL",
        table=relation(table),
        column=ident(one.column.old),
    )
    yield fill(
        "ALTER TABLE {table} DROP CONSTRAINT {name}",
        table=relation(table),
        name=ident(_proof(plan, one.column)),
    )


def _undoing(name: str, texts: tuple[str, ...], *, transactional: bool) -> Step:
    return Step(
        name=name,
        phase=Phase.CONTRACT,
        statements=(),
        present="",
        transactional=transactional,
        undo_last=texts,
    )


def _proof(plan: Plan, one: Replacement) -> str:
    return fitted(f"{PRIVATE}{plan.tag}_required_", one.old)
