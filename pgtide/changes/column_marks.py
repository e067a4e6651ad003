"""What is kept with a column and must go with its name: default, comment, privileges and the like.

After the swap, under both columns' names of then: the new column has the final name, the old one
the retired name.
"""

from collections.abc import Iterator

from pgtide.model.followers import ColumnMarks, Followers, Marks
from pgtide.model.plan import Plan
from pgtide.model.statement import Lock, Statement
from pgtide.model.table import TableName
from pgtide.postgres.ddl import fill, ident, listed, literal, relation


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
    yield from _grants(table, marks)
    yield from _comment(table, marks)
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


def _grants(table: TableName, marks: ColumnMarks) -> Iterator[Statement]:
    had = {(grant.privilege, grant.grantee): grant.grantable for grant in marks.new.grants}
    for grant in marks.old.grants:
        before = had.get((grant.privilege, grant.grantee))
        if before is not None and before >= grant.grantable:
            continue
        parts = {
            "privilege": grant.privilege,
            "column": ident(marks.name),
            "table": relation(table),
            "grantee": ident(grant.grantee) if grant.grantee else "PUBLIC",
        }
        yield Statement(
            sql=fill(
                "GRANT {privilege} ({column}) ON {table} TO {grantee}{option}",
                option=" WITH GRANT OPTION" if grant.grantable else "",
                **parts,
            ),
            lock=Lock.ACCESS_SHARE,
            why=f"a privilege belongs to the column's number, and came to {marks.name} since",
            undo=fill(
                "REVOKE {option}{privilege} ({column}) ON {table} FROM {grantee}",
                # It had the privilege before, only not to give away.
                option="" if before is None else "GRANT OPTION FOR ",
                **parts,
            ),
        )


def _comment(table: TableName, marks: ColumnMarks) -> Iterator[Statement]:
    if marks.old.comment == marks.new.comment or marks.old.comment is None:
        return

    def commented(text: str | None) -> str:
        return fill(
            "COMMENT ON COLUMN {table}.{column} IS {text}",
            table=relation(table),
            column=ident(marks.name),
            text="NULL" if text is None else literal(text),
        )

    yield Statement(
        sql=commented(marks.old.comment),
        lock=Lock.SHARE_UPDATE_EXCLUSIVE,
        why=f"says of the new column what was said of {marks.name}",
        undo=commented(marks.new.comment),
    )


def _tuning(table: TableName, marks: ColumnMarks) -> Iterator[Statement]:
    # Before expand there is no new column, and nothing is known of its storage.
    clauses = list(_clauses(marks.new, marks.old, marks.old))
    if not clauses:
        return

    def altered(clauses: list[str]) -> str:
        name = ident(marks.name)
        return fill(
            "ALTER TABLE {table} {clauses}",
            table=relation(table),
            clauses=listed([f"ALTER {name} {clause}" for clause in clauses]),
        )

    yield Statement(
        sql=altered(clauses),
        lock=Lock.ACCESS_EXCLUSIVE,
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
