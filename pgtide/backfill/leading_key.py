"""Which key leads the walk over a table, and why: for what no range of pages can serve."""

from typing import Final

from pgtide.errors import Refused
from pgtide.model.backfill import Backfill
from pgtide.postgres.keys import Key
from pgtide.postgres.leaves import HEAP
from pgtide.postgres.terrain import Terrain

_SHOWN: Final = 5


def by_key(terrain: Terrain, filling: Backfill) -> bool:
    """Tell whether a table is walked along a key, whatever keys it has."""
    return filling.walk == "key" or (filling.walk == "auto" and terrain.method != HEAP)


def leading_key(terrain: Terrain, filling: Backfill) -> Key | None:
    """Return the key along which a table is walked; None where it goes from page to page.

    Raises Refused where it has to go along a key and has none that can serve.
    """
    if not by_key(terrain, filling):
        return None
    found = next((one for one in terrain.keys if not one.fault), None)
    if found is None:
        raise _keyless(terrain, filling)
    return found


def why_by_key(terrain: Terrain, filling: Backfill, key: Key) -> str:
    """Say why a walk goes along a key, and why along this one."""
    asked = 'since the migration asks for it (walk="key")'
    if filling.walk != "key":
        asked = f"since it is stored as {terrain.method}, which has no ranges of pages"
    kind = "its primary key" if key.primary else "its narrowest key that can serve"
    return f"one pass along {_spelled(key)}, {kind}, {asked}"


def _spelled(key: Key) -> str:
    return f"{key.index} ({', '.join(key.names)})"


def _keyless(terrain: Terrain, filling: Backfill) -> Refused:
    asked = 'the migration asks for walk="key"'
    if filling.walk != "key":
        asked = f"it is stored as {terrain.method}, which has no ranges of pages"
    faults = [f"{one.index}: {one.fault}" for one in terrain.keys[:_SHOWN]]
    more = len(terrain.keys) - len(faults)
    told = "; ".join([*faults, *([f"and {more} more"] if more > 0 else [])])
    return Refused(
        f"{terrain.table} has no key along which it could be walked, and {asked}: "
        f"{told or 'it has no unique index'}.",
        state="Nothing was changed.",
        remedy=(
            "Give it a primary key, or a unique index that is valid, not partial, not deferrable, "
            "on columns that are NOT NULL"
            + ("; or leave `walk` out, and its pages are walked." if filling.walk == "key" else ".")
        ),
    )
