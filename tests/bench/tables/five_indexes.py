"""The strategy's table with two indexes more, none of them on a column that is filled."""

from dataclasses import replace
from typing import Final

from tests.bench.tables.strategy import RELATION, create
from tests.bench.tables.strategy import TABLE as STRATEGY
from tests.small_table import run


def indexed(url: str, rows: int) -> None:
    """Create and fill it."""
    create(url, rows)
    run(
        url,
        f"CREATE INDEX users_email ON {RELATION} (email)",
        f"CREATE INDEX users_name ON {RELATION} (name)",
    )


TABLE: Final = replace(STRATEGY, name="five_indexes", create=indexed)
