"""The strategy's table with a text of 2.9 kB in each row, which is kept out of line."""

from dataclasses import replace
from typing import Final

from tests.bench.tables.strategy import RELATION, create
from tests.bench.tables.strategy import TABLE as STRATEGY
from tests.small_table import run


def widened(url: str, rows: int) -> None:
    """Create and fill it."""
    create(url, rows)
    run(
        url,
        f"ALTER TABLE {RELATION} ADD COLUMN profile text",
        # Not compressed: what is in it makes no difference.
        f"ALTER TABLE {RELATION} ALTER COLUMN profile SET STORAGE EXTERNAL",
        f"UPDATE {RELATION} SET profile = repeat('p', 2900)",
        f"VACUUM FULL {RELATION}",
    )


# A million rows would be 3 GB, to be copied for every try.
TABLE: Final = replace(STRATEGY, name="toasted", create=widened, share=0.3)
