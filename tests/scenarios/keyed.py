"""A table with a key of any kind, a migration that is walked along it, and what its batches did."""

from dataclasses import replace
from typing import Final

from pgtide import Backfill, Migration, ReplaceColumn
from pgtide.events import BatchCommitted, Event
from pgtide.ledger.slices import Kind
from tests.small_table import run, small_migration

KEYED: Final = Backfill(walk="key", workers=1)
ROWS: Final = 3000
# Texts that collations put in different orders.
MIXED: Final = "(ARRAY['a', 'B', 'b', 'A', 'é', 'Z', 'z', '_', ' ', '-'])[1 + g % 10] || g"
_PRIMARY: Final = "*"
_ADD_PRIMARY: Final = """
DO $$ BEGIN EXECUTE (SELECT 'ALTER TABLE public.t ADD CONSTRAINT t_pkey PRIMARY KEY ('
    || string_agg(quote_ident(attname), ', ' ORDER BY attnum) || ')' FROM pg_attribute
 WHERE attrelid = 'public.t'::regclass AND attnum > 0 AND attname <> 'a'); END $$
"""


def create_keyed(
    url: str,
    columns: str,
    values: str,
    *,
    rows: int = ROWS,
    key: str = _PRIMARY,
    method: str = "heap",
) -> None:
    """Create and fill `public.t`, whose rows lie in no order of their key.

    Its key is of all these columns, or what `key` says.
    """
    run(
        url,
        "CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy')",
        "CREATE DOMAIN public.positive AS int CHECK (value > 0)",
        f"CREATE TABLE public.t ({columns}, a int) USING {method}",
        *([_ADD_PRIMARY] if key == _PRIMARY else [key] if key else []),
        f"INSERT INTO public.t SELECT {values}, g FROM generate_series(1, {rows}) g"
        " ORDER BY md5(g::text)",
        "ANALYZE public.t",
    )


def keyed_migration(filling: Backfill = KEYED) -> Migration:
    """Return the small migration, walked along a key."""
    return replace(small_migration(ReplaceColumn("a", type="bigint")), backfill=filling)


class Batches:
    """Keep what batches of the walk and of the sweep did."""

    def __init__(self) -> None:
        self.walk: list[BatchCommitted] = []
        self.sweep: list[BatchCommitted] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, BatchCommitted):
            (self.walk if event.kind == Kind.WALK else self.sweep).append(event)

    @property
    def filled(self) -> int:
        """Return how many rows the walk has filled."""
        return sum(one.rows for one in self.walk)
