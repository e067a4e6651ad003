"""What a table holds, as a count and two sums of hashes: the same wherever the rows are the same.

Rows are hashed as text, since the binary form of an enum is a number that a restore changes; a sum
does not depend on the order of rows; with two seeds no two rows can cancel each other out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pgtide.model.table import TableName
from pgtide.postgres.ddl import fill, literal, relation
from pgtide.postgres.session import Session

# All that decides how a value is written.
_PINNED: Final[Mapping[str, str]] = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "search_path": "pg_catalog",
    # As long as it takes: it reads, and keeps nobody waiting.
    "statement_timeout": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A count of rows and their hashes."""

    rows: int
    hashes: tuple[str, str]


def content(session: Session, table: TableName) -> Content:
    """Return a table's content in the transaction that is open."""
    session.configure(_PINNED, local=True)
    # `r.*`, not `r`: that might be a column. A row of a partition is hashed with the name of it.
    query = fill(
        "SELECT count(*) AS rows,"
        " coalesce(sum(hashtextextended(text, 1)::numeric), 0)::text AS one,"
        " coalesce(sum(hashtextextended(text, 2)::numeric), 0)::text AS two FROM (SELECT ("
        "(r.*)::text || CASE WHEN r.tableoid <> {itself}::regclass THEN r.tableoid::regclass::text"
        " ELSE '' END) COLLATE \"C\" AS text FROM {table} AS r) AS t",
        itself=literal(relation(table)),
        table=relation(table),
    )
    found = session.rows(query, doing=f"reading {table}")[0]
    return Content(rows=found["rows"], hashes=(found["one"], found["two"]))
