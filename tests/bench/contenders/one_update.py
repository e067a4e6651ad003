"""All rows in one UPDATE, beside the triggers that keep the shapes in step."""

from typing import Final

from tests.bench.bench_table import BenchTable
from tests.bench.contender import Contender, expanded
from tests.small_table import run


def fill(url: str, table: BenchTable) -> None:
    """Update them all."""
    run(url, f"UPDATE {table.relation} SET {table.fill}")


CONTENDER: Final = Contender(name="one UPDATE", ready=expanded(fill))
