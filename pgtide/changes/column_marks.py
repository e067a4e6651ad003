"""What is kept with a column and must go with its name: default, comment, privileges and the like.

After the swap, under both columns' names of then: the new column has the final name, the old one
the retired name.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from pgtide.changes.replacement import PRIVATE
from pgtide.model.followers import ColumnMarks, Followers, Marks
from pgtide.model.plan import Plan
from pgtide.model.statement import Lock, Statement
from pgtide.model.table import Grant, TableName
from pgtide.postgres.ddl import fill, ident, listed, literal, relation

_OPTION: Final = "GRANT OPTION FOR "
# What the planner is told needs less.
_STRONG: Final = ("SET STORAGE ", "SET COMPRESSION ")


def marks_statements(plan: Plan, table: TableName, followers: Followers) -> tuple[Statement, ...]:
    """Return the statements that give the new columns what the old ones have."""
    retired = {one.old: one.retired for one in plan.replacements}
    return tuple(
        statement
        for marks in followers.columns
        for statement in _column(table, marks, retired[marks.name])
    )


def _column(table: TableName, marks: ColumnMarks, retired: str) -> Iterator[Statement]:
    yield from _sequences(table, marks, retired)
    yield from _default(table, marks, retired)
    yield from _grants(table, marks, retired)
    yield from _comment(table, marks, retired)
    yield from _tuning(table, marks)


def _sequences(table: TableName, marks: ColumnMarks, retired: str) -> Iterator[Statement]:
    def owned(sequence: str, column: str) -> str:
        return fill(
            "ALTER SEQUENCE {sequence} OWNED BY {table}.{column}",
            sequence=sequence,
            table=relation(table),
            column=ident(column),
        )

    for sequence in marks.old.sequences:
        yield Statement(
            sql=owned(sequence, marks.name),
            lock=Lock.ACCESS_SHARE,
            why=f"purge drops the old column, and with it any sequence that it owned: {sequence}",
            undo=owned(sequence, retired),
        )


def _default(table: TableName, marks: ColumnMarks, retired: str) -> Iterator[Statement]:
    if marks.old.default is None or marks.default is None:
        return

    def moved(has: str, value: str, had: str) -> str:
        return fill(
            "ALTER TABLE {table} ALTER {has} SET DEFAULT {value}, ALTER {had} DROP DEFAULT",
            table=relation(table),
            has=ident(has),
            value=value,
            had=ident(had),
        )

    yield Statement(
        sql=moved(marks.name, marks.default, retired),
        lock=Lock.ACCESS_EXCLUSIVE,
        why=f"the DEFAULT moves with the name: only one column of {marks.name} may have one",
        undo=moved(retired, marks.old.default, marks.name),
    )


def _grants(table: TableName, marks: ColumnMarks, retired: str) -> Iterator[Statement]:
    # A private name belongs to nobody; an interim name keeps the privileges that it had.
    interim = not retired.startswith(PRIVATE)
    yield from _granted(table, marks.name, marks.new.grants, marks.old.grants, exact=interim)
    if interim:
        yield from _granted(table, retired, marks.old.grants, marks.new.grants, exact=True)


def _granted(
    table: TableName, column: str, has: Sequence[Grant], wanted: Sequence[Grant], *, exact: bool
) -> Iterator[Statement]:
    """Yield what gives a column the wanted privileges, and where it is exact no others."""
    had = _granting(has)
    excess = any(_granting(wanted).get(key, -1) < option for key, option in had.items())
    # Taking away what was given on by somebody else would need CASCADE.
    if exact and excess and all(grant.direct for grant in has):
        # All of it, from the last one on: undo gives it back in the order that it had.
        for grant in reversed(has):
            yield Statement(
                sql=_revoke(table, column, grant),
                lock=Lock.ACCESS_SHARE,
                why=f"came with the column's number: nobody had it on the name {column}",
                undo=_grant(table, column, grant),
            )
        had = {}
    for grant in wanted:
        before = had.get((grant.privilege, grant.grantee))
        if before is not None and before >= grant.grantable:
            continue
        yield Statement(
            sql=_grant(table, column, grant),
            lock=Lock.ACCESS_SHARE,
            why=f"a privilege belongs to the column's number, and came to {column} since",
            # It had the privilege before, only not to give away.
            undo=_revoke(table, column, grant, option="" if before is None else _OPTION),
        )


def _granting(grants: Sequence[Grant]) -> dict[tuple[str, str], bool]:
    return {(grant.privilege, grant.grantee): grant.grantable for grant in grants}


def _grant(table: TableName, column: str, grant: Grant) -> str:
    return fill(
        "GRANT {privilege} ({column}) ON {table} TO {grantee}{option}",
        privilege=grant.privilege,
        column=ident(column),
        table=relation(table),
        grantee=_grantee(grant),
        option=" WITH GRANT OPTION" if grant.grantable else "",
    )


def _revoke(table: TableName, column: str, grant: Grant, *, option: str = "") -> str:
    return fill(
        "REVOKE {option}{privilege} ({column}) ON {table} FROM {grantee}",
        option=option,
        privilege=grant.privilege,
        column=ident(column),
        table=relation(table),
        grantee=_grantee(grant),
    )


def _grantee(grant: Grant) -> str:
    return ident(grant.grantee) if grant.grantee else "PUBLIC"


def _comment(table: TableName, marks: ColumnMarks, retired: str) -> Iterator[Statement]:
    old, new = marks.old.comment, marks.new.comment
    # On an interim name it may say what must not be said of the final one.
    interim = new is not None and not retired.startswith(PRIVATE)
    if old == new or (old is None and not interim):
        return

    def commented(column: str, text: str | None) -> str:
        return fill(
            "COMMENT ON COLUMN {table}.{column} IS {text}",
            table=relation(table),
            column=ident(column),
            text="NULL" if text is None else literal(text),
        )

    yield Statement(
        sql=commented(marks.name, old),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        why=f"says of the new column what was said of {marks.name}",
        undo=commented(marks.name, new),
    )
    if interim:
        yield Statement(
            sql=commented(retired, new),
            lock=Lock.SHARE_UPDATE_EXCLUSIVE,
            why=f"what was said of {retired} stays with that name",
            undo=commented(retired, old),
        )


def _tuning(table: TableName, marks: ColumnMarks) -> Iterator[Statement]:
    # Before expand there is no new column, and nothing is known of its storage.
    clauses = list(_clauses(marks.new, marks.old, marks.old))
    if not clauses:
        return
    strong = any(clause.startswith(_STRONG) for clause in clauses)

    def altered(clauses: list[str]) -> str:
        name = ident(marks.name)
        return fill(
            "ALTER TABLE {table} {clauses}",
            table=relation(table),
            clauses=listed([f"ALTER {name} {clause}" for clause in clauses]),
        )

    yield Statement(
        sql=altered(clauses),
        lock=Lock.ACCESS_EXCLUSIVE if strong else Lock.SHARE_UPDATE_EXCLUSIVE,
        why=f"what planner and storage were told of {marks.name}",
        undo=altered(list(_clauses(marks.old, marks.new, marks.old))),
    )


def _clauses(before: Marks, after: Marks, wanted: Marks) -> Iterator[str]:
    """Yield what makes marks into others, in what `wanted` asks for."""
    if before.statistics != after.statistics:
        yield f"SET STATISTICS {after.statistics}"
    if after.options != before.options:
        yield from _options(before.options, after.options)
    toastable = "PLAIN" not in {before.type_storage, after.type_storage}
    if wanted.storage != wanted.type_storage and toastable and before.storage != after.storage:
        yield f"SET STORAGE {after.storage}"
    if toastable and before.compression != after.compression:
        yield f"SET COMPRESSION {after.compression or 'default'}"


def _options(before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    kept = {option.split("=", 1)[0] for option in after}
    gone = [name for option in before if (name := option.split("=", 1)[0]) not in kept]
    if after:
        yield f"SET ({listed(after)})"
    if gone:
        yield f"RESET ({listed(gone)})"
