"""What a table and its server are like for whoever is about to walk it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pgtide.model.table import TableName
from pgtide.postgres.activity import horizon
from pgtide.postgres.keys import Key
from pgtide.postgres.leaves import HEAP
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("terrain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """A table's blocks and rows, and what decides whether its updates can stay on their page.

    `toast_blocks` are those of values kept apart. `indexed` names the written columns that an index
    holds. `horizon_seconds` is the age of the oldest snapshot and `pinned_by` who keeps it,
    `buffers` the server's cache in blocks. `method` is how the table is stored; `keys` are its
    unique indexes, where somebody asked for them.
    """

    blocks: int
    rows: float
    toast_blocks: int
    fillfactor: int
    indexed: tuple[str, ...]
    horizon_seconds: float
    pinned_by: str
    buffers: int
    table: str = ""
    method: str = HEAP
    keys: tuple[Key, ...] = ()

    @property
    def rows_per_page(self) -> float:
        """Return how many rows a page holds; 0 where nobody has counted them."""
        return self.rows / self.blocks if self.blocks and self.rows > 0 else 0.0


def read_terrain(session: Session, oid: int, *, written: Sequence[str]) -> Terrain:
    """Look at a table, of which the columns in `written` are about to be written."""
    pinned = horizon(session)
    row = session.row(_SQL["terrain"], {"oid": oid, "written": list(written)}) or {}
    return Terrain(
        blocks=row["blocks"],
        rows=row["rows"],
        toast_blocks=row["toast_blocks"],
        fillfactor=row["fillfactor"],
        indexed=tuple(row["indexed"]),
        horizon_seconds=(pinned.seconds or 0.0) if pinned else 0.0,
        pinned_by=pinned.abroad if pinned else "",
        buffers=row["buffers"],
        table=str(TableName(schema=row["schema"], name=row["name"])),
        method=row["method"] or HEAP,
    )
