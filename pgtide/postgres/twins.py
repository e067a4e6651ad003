"""Read what a table has on the columns that a migration replaces, as it would be on the new ones.

The server writes both: what is there is made again on an empty copy of the table, whose columns are
then renamed and given their new types. No name is replaced in any text; the copy is rolled back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from psycopg.rows import DictRow

from pgtide.errors import InvalidMigration, Refused, StatementFailed
from pgtide.model.original import (
    ColumnSettings,
    ConstraintOriginal,
    IndexOriginal,
    Move,
    NotNullOriginal,
    Originals,
    StatisticsOriginal,
)
from pgtide.model.table import Table
from pgtide.postgres.ddl import fill, ident, listed, relation, search_path
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
    reader = _Reader(session, table, moves)
    return Originals(
        indexes=tuple(reader.indexes()),
        constraints=(*reader.checks(), *reader.foreign_keys()),
        not_null=tuple(reader.not_null()),
        statistics=tuple(reader.statistics()),
        settings=tuple(reader.settings()),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    session: Session
    table: Table
    moves: Sequence[Move]

    def indexes(self) -> Iterator[IndexOriginal]:
        for row in self._rows("indexes"):
            if row["valid"] and row["constraint_type"] not in _WITHOUT_TWIN and not row["period"]:
                yield self._index(row)

    def checks(self) -> Iterator[ConstraintOriginal]:
        for row in self._rows("checks"):
            add = f"ALTER TABLE {_TRIAL} ADD CONSTRAINT pgtide_check {row['definition']}"
            with self._moved(f"constraint {row['name']}", add):
                found = self._read("trial_constraint")
            yield _constraint(row, found["definition"], test=found["test"])

    def foreign_keys(self) -> Iterator[ConstraintOriginal]:
        news = [move.new for move in self.moves]
        for row in self._rows("foreign_keys", news=news):
            if row["period"]:
                continue
            label = f"constraint {row['name']}"
            if not row["allowed"]:
                raise _not_allowed(label, row["parent"])
            keys = [f"{ident(key['name'])} {key['type']}" for key in row["keys"]]
            names = listed([ident(key["name"]) for key in row["keys"]])
            parent = f"CREATE TEMP TABLE pgtide_parent ({listed(keys)}, UNIQUE ({names}))"
            # Nothing but its types is tried: the real one would have to be locked for it.
            with self._moved(label, parent), _explained(label, self.moves):
                self.session.execute(
                    f"ALTER TABLE {_TRIAL} ADD FOREIGN KEY"
                    f" ({listed([ident(name) for name in row['columns']])})"
                    f" REFERENCES pg_temp.pgtide_parent ({names})"
                )
            twin = row["twin"] + ("" if row["validated"] or not row["enforced"] else " NOT VALID")
            yield _constraint(row, twin)

    def not_null(self) -> Iterator[NotNullOriginal]:
        new = {move.old: move.new for move in self.moves}
        for row in self._rows("not_null"):
            yield NotNullOriginal(
                name=row["name"] or "",
                definition=row["definition"],
                column=new[row["column"]],
                suffix=row["suffix"],
                keeps=row["keeps"],
                comment=row["comment"],
            )

    def statistics(self) -> Iterator[StatisticsOriginal]:
        for row in self._rows("statistics"):
            label = f"statistics {row['name']}"
            if row["schema"] != self.table.name.schema:
                raise _elsewhere(label, row["schema"], self.table.name.schema)
            kinds = f" ({row['kinds']})" if row["kinds"] else ""
            make = f"CREATE STATISTICS pg_temp.pgtide_about{kinds} ON {row['on']} FROM {_TRIAL}"
            with self._moved(label, make):
                found = self._read("trial_statistics")
            yield StatisticsOriginal(
                name=row["name"],
                definition=row["definition"],
                kinds=row["kinds"],
                on=found["on"],
                target=row["target"],
                comment=row["comment"],
            )

    def settings(self) -> Iterator[ColumnSettings]:
        for row, move in self._settings():
            # A type of fixed length is stored in one way only.
            elsewhere = self.session.value(_SQL["type_takes_storage"], {"type": move.type})
            yield ColumnSettings(
                column=move.new,
                target=row["target"],
                options=row["options"],
                storage=row["storage"] if elsewhere else "",
                compression=row["compression"] if elsewhere else "",
            )

    def _settings(self) -> Iterator[tuple[DictRow, Move]]:
        moves = {move.old: move for move in self.moves}
        for row in self._rows("settings"):
            yield row, moves[row["column"]]

    def _index(self, row: DictRow) -> IndexOriginal:
        unique = "UNIQUE " if row["unique"] else ""
        head = f"CREATE {unique}INDEX pgtide_index ON {_TRIAL} "
        acts = [head + _after(row["text"], row["head"])]
        serves = row["constraint_type"] == "u"
        if serves:
            acts.append(
                f"ALTER TABLE {_TRIAL} ADD CONSTRAINT pgtide_index UNIQUE USING INDEX pgtide_index"
                + row["deferral"]
            )
        with self._moved(f"index {row['name']}", *acts):
            found = self._read("trial_index")
            served = self._read("trial_constraint")["definition"] if serves else ""
        where = f" WHERE {found['predicate']}" if found["predicate"] else ""
        return IndexOriginal(
            name=row["name"],
            definition=row["definition"],
            unique=row["unique"],
            tail=_before(_on_trial(found["definition"]), where),
            where=where,
            tablespace=row["tablespace"],
            constraint=serves,
            deferral=row["deferral"],
            served=served,
            comment=row["comment"],
        )

    def _rows(self, query: str, **more: object) -> list[DictRow]:
        columns = [move.old for move in self.moves]
        return self.session.rows(_SQL[query], {"oid": self.table.oid, "columns": columns, **more})

    @contextmanager
    def _moved(self, label: str, *acts: str) -> Iterator[None]:
        """Make something on an empty copy, let it follow its columns, and give it to the block."""
        with self.session.rolled_back():
            self.session.configure({"search_path": search_path(self.table.name)}, local=True)
            copied = "CREATE TEMP TABLE pgtide_trial (LIKE {table})"
            self.session.execute(
                fill(copied, table=relation(self.table.name)),
                doing="making an empty copy of the table in a transaction that is rolled back",
            )
            with _explained(label, self.moves):
                for act in acts:
                    self.session.execute(act)
                _move(self.session, self.moves)
            yield

    def _read(self, query: str) -> DictRow:
        # As finalize will compare it: names outside pg_catalog with their schema.
        self.session.configure({"search_path": "pg_catalog"}, local=True)
        return self.session.row(_SQL[query]) or {}


def _constraint(row: DictRow, twin: str, *, test: str | None = None) -> ConstraintOriginal:
    return ConstraintOriginal(
        name=row["name"],
        definition=row["definition"],
        twin=twin,
        foreign=test is None,
        validated=row["validated"],
        test=test or "",
        comment=row["comment"],
    )


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


def _after(text: str, head: str) -> str:
    if not text.startswith(head):
        raise _unread(text)
    return text.removeprefix(head)


def _on_trial(text: str) -> str:
    # Before 15 the server writes the number of the temporary schema.
    _, table, tail = text.partition(".pgtide_trial ")
    if not table:
        raise _unread(text)
    return tail


def _before(text: str, end: str) -> str:
    if not text.endswith(end):
        raise _unread(text)
    return text.removesuffix(end)


def _not_allowed(label: str, parent: str) -> Refused:
    return Refused(
        f"This role may not refer to {parent}: {label} could not be redone on the new column.",
        state="Nothing was changed.",
        remedy=f"GRANT REFERENCES ON {parent} to it, and run the command again.",
    )


def _elsewhere(label: str, schema: str, wanted: str) -> Refused:
    return Refused(
        f"The {label} are in the schema {schema}, not in the table's own.",
        state="Nothing was changed.",
        remedy=f"ALTER STATISTICS ... SET SCHEMA {wanted}, and run the command again.",
    )


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
