"""The keys by which a table can be walked: its unique indexes, and why one of them cannot serve.

The server compares keys, by its own operators and under the index's own collation; here they are
text that it has written and reads back (trap 41).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pgtide.model.table import TableName
from pgtide.postgres.ddl import escaped, fill, ident, listed, relation
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("keys")
# A statement over a range of keys reads that range of the index, whatever the planner has heard of
# the table: a plan that reads all of it would do so for each batch.
BY_INDEX: Final = {"enable_seqscan": "off", "enable_bitmapscan": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyColumn:
    """A column of a key; type and collation as a statement spells them."""

    name: str
    type: str
    collation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A unique index; `fault` says why no walk can be led by it, and is empty where one can."""

    index: str
    primary: bool
    columns: tuple[KeyColumn, ...]
    width: int
    fault: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its columns, in its order."""
        return tuple(one.name for one in self.columns)

    def above(self) -> str:
        """Return the test of a row of `t`: its key is above the parameter `after`."""
        return self._compared(">", "after")

    def upto(self) -> str:
        """Return the test of a row of `t`: its key is not above the parameter `upto`."""
        return self._compared("<=", "upto")

    def order(self, direction: str = "") -> str:
        """Return what rows of `t` are sorted by, each column in a direction."""
        own = [f"t.{ident(one.name)}{_collated(one)}{direction}" for one in self.columns]
        return escaped(listed(own))

    def nth(self, table: TableName, within: Sequence[str]) -> str:
        """Return the query for the last of the next `limit` keys of a range, and their number.

        `within` are tests of a row of `t`. No row comes back where the range is empty.
        """
        own = [(one, f"k{number}") for number, one in enumerate(self.columns)]
        some = fill(
            "SELECT {columns} FROM ONLY {table} AS t",
            columns=listed([f"t.{ident(one.name)} AS {name}" for one, name in own]),
            table=relation(table),
        )
        where = f" WHERE {' AND '.join(within)}" if within else ""
        return fill(
            "SELECT n.keys, ARRAY[{values}] AS at FROM ("
            "SELECT row_number() OVER (ORDER BY {order}) AS keys, s.* FROM ({some}) AS s) AS n"
            " ORDER BY n.keys DESC LIMIT 1",
            values=listed([f"n.{name}::text" for _, name in own]),
            order=escaped(listed([f"s.{name}{_collated(one)}" for one, name in own])),
            some=f"{escaped(some)}{where} ORDER BY {self.order()} LIMIT %(limit)s",
        )

    def last(self, table: TableName) -> str:
        """Return the query for the highest key of a table."""
        values = listed([f"t.{ident(one.name)}::text" for one in self.columns])
        head = fill(
            "SELECT ARRAY[{values}] AS at FROM ONLY {table} AS t",
            values=values,
            table=relation(table),
        )
        return f"{escaped(head)} ORDER BY {self.order(' DESC')} LIMIT 1"

    def _compared(self, operator: str, parameter: str) -> str:
        own = listed([f"t.{ident(one.name)}{_collated(one)}" for one in self.columns])
        values = listed(
            [
                f"(%({parameter})s::text[])[{number}]::{escaped(one.type)}"
                for number, one in enumerate(self.columns, start=1)
            ]
        )
        return f"ROW({escaped(own)}) OPERATOR(pg_catalog.{operator}) ROW({values})"


def read_keys(session: Session, oid: int) -> tuple[Key, ...]:
    """Return the unique indexes of a table: its primary key, then the others, narrowest first."""
    return tuple(
        Key(
            index=row["index"],
            primary=row["primary"],
            columns=tuple(
                KeyColumn(name=name, type=kind, collation=collation)
                for name, kind, collation in zip(
                    row["columns"], row["types"], row["collations"], strict=True
                )
            ),
            width=row["width"],
            fault=row["fault"] or "",
        )
        for row in session.rows(_SQL["keys"], {"oid": oid})
    )


def key_of(keys: Sequence[Key], columns: Sequence[str]) -> Key | None:
    """Return the key that has these columns in this order and can lead a walk."""
    return next((one for one in keys if one.names == tuple(columns) and not one.fault), None)


def _collated(column: KeyColumn) -> str:
    return f" COLLATE {column.collation}" if column.collation else ""
