"""Read what a table has on the columns that a migration replaces, as it would be on the new ones.

The server writes both: what is there is made again on an empty copy of the table, whose columns are
then renamed and given their new types. No name is replaced in any text; the copy is rolled back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from psycopg.rows import DictRow

from pgtide.errors import InvalidMigration, StatementFailed
from pgtide.model.original import IndexOriginal, Move, NotNullOriginal, Originals
from pgtide.model.table import Table
from pgtide.postgres.ddl import fill, ident, relation, search_path
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("twins")
_TRIAL: Final = "pg_temp.pgtide_trial"
# What no twin can be built of: contract refuses these by name.
_WITHOUT_TWIN: Final = frozenset({"p", "x"})


def read_originals(session: Session, table: Table, moves: Sequence[Move]) -> Originals:
    """Return what the replaced columns have; raises InvalidMigration where the new ones cannot."""
    if not moves:
        return Originals()
    rows = _index_rows(session, table, moves)
    return Originals(
        indexes=tuple(_index(session, table, moves, row) for row in rows),
        not_null=tuple(_not_null(session, table, moves)),
    )


def _where(table: Table, moves: Sequence[Move]) -> dict[str, object]:
    return {"oid": table.oid, "columns": [move.old for move in moves]}


def _index_rows(session: Session, table: Table, moves: Sequence[Move]) -> list[DictRow]:
    return [
        row
        for row in session.rows(_SQL["indexes"], _where(table, moves))
        if row["valid"] and row["constraint_type"] not in _WITHOUT_TWIN and not row["period"]
    ]


def _index(session: Session, table: Table, moves: Sequence[Move], row: DictRow) -> IndexOriginal:
    unique = "UNIQUE " if row["unique"] else ""
    head = f"CREATE {unique}INDEX pgtide_index ON {_TRIAL} "
    with _trial(session, table), _explained(f"index {row['name']}", moves):
        session.execute(head + _after(row["definition"], row["head"]))
        _move(session, moves)
        found = _read(session, "trial_index")
    tail = _after(found["definition"], head)
    where = f" WHERE {found['predicate']}" if found["predicate"] else ""
    return IndexOriginal(
        name=row["name"],
        definition=row["definition"],
        unique=row["unique"],
        tail=_before(tail, where),
        where=where,
        tablespace=row["tablespace"],
        constraint=row["constraint_type"] == "u",
        deferral=row["deferral"],
        comment=row["comment"],
    )


def _not_null(session: Session, table: Table, moves: Sequence[Move]) -> Iterator[NotNullOriginal]:
    new = {move.old: move.new for move in moves}
    for row in session.rows(_SQL["not_null"], _where(table, moves)):
        yield NotNullOriginal(
            name=row["name"] or "",
            definition=f"NOT NULL {ident(row['column'])}{row['suffix']}",
            column=new[row["column"]],
            suffix=row["suffix"],
            comment=row["comment"],
        )


@contextmanager
def _trial(session: Session, table: Table) -> Iterator[None]:
    with session.rolled_back():
        session.configure({"search_path": search_path(table.name)}, local=True)
        session.execute(
            fill("CREATE TEMP TABLE pgtide_trial (LIKE {table})", table=relation(table.name)),
            doing="making an empty copy of the table in a transaction that is rolled back",
        )
        yield


def _move(session: Session, moves: Sequence[Move]) -> None:
    """Give the trial table's columns the names and types of the new ones: what is there follows."""
    for move in moves:
        names = {"old": ident(move.old), "new": ident(move.new)}
        session.execute(
            fill("ALTER TABLE pg_temp.pgtide_trial RENAME COLUMN {old} TO {new}", **names)
        )
        session.execute(
            fill(
                "ALTER TABLE pg_temp.pgtide_trial ALTER COLUMN {new} TYPE {type}{collate}"
                " USING CAST(NULL AS {type})",
                new=names["new"],
                type=move.type,
                collate=f" COLLATE {move.collation}" if move.collation else "",
            )
        )


def _read(session: Session, query: str) -> DictRow:
    # As finalize will compare it: names outside pg_catalog with their schema.
    session.configure({"search_path": "pg_catalog"}, local=True)
    return session.row(_SQL[query]) or {}


def _after(text: str, head: str) -> str:
    if not text.startswith(head):
        raise _unread(text)
    return text.removeprefix(head)


def _before(text: str, end: str) -> str:
    if not text.endswith(end):
        raise _unread(text)
    return text.removesuffix(end)


def _unread(text: str) -> InvalidMigration:
    return InvalidMigration(
        f"The server writes a definition in a way that pgtide does not know: {text}.",
        state="Nothing was changed.",
        remedy="Drop what it defines before the migration, and make it again afterwards.",
    )


@contextmanager
def _explained(label: str, moves: Sequence[Move]) -> Iterator[None]:
    try:
        yield
    except StatementFailed as error:
        types = ", ".join(f"{move.old} as {move.type}" for move in moves)
        raise InvalidMigration(
            f"{label} cannot be built on the new column ({types}): {error.what}",
            state="Nothing was changed.",
            remedy=f"Drop {label} first, or choose another type; then run the command again.",
        ) from error
