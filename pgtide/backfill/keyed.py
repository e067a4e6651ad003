"""Batches of keys: from the last key that is done to the one that the server counts off.

The end of a batch is a value and no row: whatever is inserted, deleted or moved in between, the
next batch goes on right behind it.
"""

from dataclasses import dataclass
from typing import Final

from pgtide.backfill.next_batch import Batch, up_to_key
from pgtide.ledger.slices import KeyRange, Values
from pgtide.model.table import TableName
from pgtide.postgres.ddl import escaped, relation
from pgtide.postgres.keys import Key
from pgtide.postgres.session import Session

# A row's place, the place after it, and who wrote it.
ROW: Final = (
    "SELECT t.ctid::text AS place, t.xmin::text AS version, '(' || (t.ctid::text::point)[0]::bigint"
    " || ',' || ((t.ctid::text::point)[1]::int + 1) || ')' AS past"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A statement over a range of keys of a leaf, in three parts: its test comes in between."""

    key: Key
    table: TableName
    head: str
    test: str
    tail: str

    def text(self, keys: KeyRange) -> str:
        """Return the statement for a range of keys."""
        return f"{self.head} WHERE {' AND '.join([*within(self.key, keys), self.test])}{self.tail}"

    def settled(self, session: Session, batch: Batch) -> Batch:
        """Return a batch with the key at which it ends, as the index is now."""
        if batch.keys is None or batch.end is None or batch.rows is not None:
            return batch
        limit = batch.end - batch.cursor
        at, found = count_off(session, self.key, self.table, batch.keys, limit=limit)
        return up_to_key(batch, found=found, at=at)

    def row_after(self, keys: KeyRange) -> str:
        """Return the query for the first row of a range of keys: where it is, and its version."""
        table = escaped(relation(self.table))
        tests = " AND ".join(within(self.key, keys)) or "true"
        return f"{ROW} FROM ONLY {table} AS t WHERE {tests} ORDER BY {self.key.order()} LIMIT 1"


def within(key: Key, keys: KeyRange) -> list[str]:
    """Return the tests that a row of `t` is in a range of keys."""
    above = [] if keys.after is None else [key.above()]
    return above if keys.upto is None else [*above, key.upto()]


def bounds(keys: KeyRange) -> dict[str, object]:
    """Return the parameters of these tests."""
    return {
        "after": None if keys.after is None else list(keys.after),
        "upto": None if keys.upto is None else list(keys.upto),
    }


def count_off(
    session: Session, key: Key, table: TableName, keys: KeyRange, *, limit: int
) -> tuple[Values | None, int]:
    """Return the last of the next so many keys of a range, and how many there are."""
    query = key.nth(table, within(key, keys))
    row = session.row(query, {**bounds(keys), "limit": limit}, doing="counting off keys")
    return (tuple(row["at"]), row["keys"]) if row else (None, 0)
