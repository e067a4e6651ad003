"""A drawn table: its DDL, its first rows, and what the model knows of its columns."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from tests.scenarios.acts import columns, listed
from tests.scenarios.drawn.kinds import PairKind
from tests.scenarios.sync_model import Row

FACTORS = (1, 2, 10)
NOTES = (None, "", "n", "another note")
TOUCH = "public.pgtide_tests_touch"
_GAPS = 0.2

# Key kinds: the type of the column that names a row, and the columns of the primary key. A new kind
# of key is a line here and one in `key_value`.
KEYS = {
    "bigint": ("bigint", ("identity",)),
    "uuid": ("uuid", ("identity",)),
    "text": ('text COLLATE "C"', ("identity",)),
    "collated text": ('text COLLATE "POSIX"', ("identity",)),
    "composite": ("bigint", ("part", "identity")),
    "composite text": ('text COLLATE "C"', ("identity", "part")),
    "none": ("bigint", ()),
}

# Table kinds: what follows the columns, by how the rows lie in blocks. A new kind of table is a
# line here: a partitioned one would say how it is parted, and make its leaves in `statements`.
STORAGES = {
    # A few rows a block: several batches, one pass.
    "few blocks": (1_500, ""),
    # One or two rows a block, 128 blocks and more: several passes.
    "many blocks": (3_900, ""),
    "one block": (0, ""),
    "roomy": (1_500, " WITH (fillfactor = 50)"),
}
MANY_ROWS = 260


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A column that the migration replaces; `interim` only where its kind allows one."""

    kind: PairKind
    name: str
    interim: str | None
    has_default: bool
    required: bool
    indexed: bool
    checked: bool

    def definition(self) -> str:
        """Return the column's definition."""
        name, given = columns([self.name]), self.default
        default = f" DEFAULT {given[1]}" if given else ""
        required = " NOT NULL" if self.required else ""
        check = f" CHECK ({name} IS NULL OR {name} = {name})" if self.checked else ""
        return f"{name} {self.kind.old}{default}{required}{check}"

    @property
    def default(self) -> tuple[object, str] | None:
        """Return the default as value and as SQL."""
        return self.kind.default if self.has_default else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its names; `touched` counts the updates that the application's trigger saw."""

    schema: str
    name: str
    identity: str
    part: str
    factor: str
    note: str
    touched: str
    filler: str
    key: str
    storage: str
    rows: int
    nulls: float
    seed: int
    counted: bool
    replaced: tuple[Replaced, ...] = field(default=())

    @property
    def quoted(self) -> str:
        """Return the table's name as SQL."""
        return f"{columns([self.schema])}.{columns([self.name])}"

    @property
    def declared(self) -> str:
        """Return the table's name as a migration file gives it."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Return the names of the primary key's columns."""
        return tuple(getattr(self, one) for one in KEYS[self.key][1])

    def statements(self) -> Sequence[str]:
        """Return what makes the empty table."""
        key = f", PRIMARY KEY ({columns(self.key_columns)})" if self.key_columns else ""
        definitions = [
            f"{columns([self.identity])} {KEYS[self.key][0]} NOT NULL",
            *(one.definition() for one in self.replaced),
            f"{columns([self.part])} integer NOT NULL DEFAULT 0",
            f"{columns([self.factor])} integer NOT NULL DEFAULT 1",
            f"{columns([self.note])} text",
            f"{columns([self.touched])} integer NOT NULL DEFAULT 0",
            f"{columns([self.filler])} text",
        ]
        _, storage = STORAGES[self.storage]
        made = [
            f"CREATE TABLE {self.quoted} ({', '.join(definitions)}{key}){storage}",
            # Out of line, a long value would leave the rows short.
            f"ALTER TABLE {self.quoted} ALTER {columns([self.filler])} SET STORAGE PLAIN",
            *(
                f"CREATE INDEX ON {self.quoted} ({columns([one.name])})"
                for one in self.replaced
                if one.indexed
            ),
        ]
        if self.schema != "public":
            made.insert(0, f"CREATE SCHEMA {columns([self.schema])}")
        return [*made, *(_touching(self) if self.counted else ())]

    def create(self, connection: psycopg.Connection) -> None:
        """Make the table with its first rows; a part of them leaves gaps."""
        for statement in self.statements():
            connection.execute(statement.encode())
        rows = self.first_rows()
        names = list(rows[0])
        text = f"COPY {self.quoted} ({columns(names)}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(text.encode()) as stream:
            for row in rows:
                stream.write_row(list(row.values()))
        chance = random.Random(self.seed)
        gone = [row[self.identity] for row in rows if chance.random() < _GAPS]
        if gone:
            where = f"{columns([self.identity])} IN ({listed(gone)})"
            connection.execute(f"DELETE FROM {self.quoted} WHERE {where}".encode())

    def first_rows(self) -> list[Row]:
        """Return the rows that are there before the migration."""
        chance = random.Random(self.seed)
        rows = []
        for number in range(MANY_ROWS if self.storage == "many blocks" else self.rows):
            row: Row = {self.identity: key_value(self.key, 3 * number)}
            for one in self.replaced:
                null = not one.required and chance.random() < self.nulls
                row[one.name] = None if null else chance.choice(one.kind.there)
            row[self.part] = chance.randrange(3)
            row[self.factor] = chance.choice(FACTORS)
            row[self.note] = chance.choice(NOTES)
            row[self.filler] = "x" * STORAGES[self.storage][0]
            rows.append(row)
        return rows


def key_value(key: str, number: int) -> object:
    """Return the number-th key of a kind; neighbours in number are none in order."""
    match key:
        case "uuid":
            return UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)
        case "text" | "collated text" | "composite text":
            return f"{'äZa_'[number % 4]}{number}"
        case _:
            return number - 50


def touch(touched: str, before: Row | None, row: Row) -> Row:
    """Do to a row what the application's trigger does."""
    return row if before is None else {**row, touched: int(str(before[touched])) + 1}


def _touching(table: Table) -> Sequence[str]:
    name = columns([table.touched])
    body = listed([f"BEGIN new.{name} := old.{name} + 1; RETURN new; END"])
    before = f"BEFORE UPDATE ON {table.quoted} FOR EACH ROW"
    return (
        f"CREATE FUNCTION {TOUCH}() RETURNS trigger LANGUAGE plpgsql AS {body}",
        f"CREATE TRIGGER touch {before} EXECUTE FUNCTION {TOUCH}()",
    )
