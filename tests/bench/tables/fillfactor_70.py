"""The strategy's table with three tenths of each page left free for updates."""

from dataclasses import replace
from typing import Final

from tests.bench.tables.strategy import RELATION, create
from tests.bench.tables.strategy import TABLE as STRATEGY
from tests.small_table import run


def airy(url: str, rows: int) -> None:
    """Create and fill it."""
    create(url, rows)
    run(url, f"ALTER TABLE {RELATION} SET (fillfactor = 70)", f"VACUUM FULL {RELATION}")


TABLE: Final = replace(STRATEGY, name="fillfactor_70", create=airy)
