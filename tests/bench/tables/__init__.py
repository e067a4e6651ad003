"""The tables that are filled, one file each."""

from typing import Final

from tests.bench.bench_table import BenchTable
from tests.bench.tables import (
    application_trigger,
    fillfactor_70,
    five_indexes,
    narrow,
    strategy,
    toasted,
)

STRATEGY: Final = strategy.TABLE
# Beside the strategy's.
OTHERS: Final[tuple[BenchTable, ...]] = (
    narrow.TABLE,
    toasted.TABLE,
    five_indexes.TABLE,
    fillfactor_70.TABLE,
    application_trigger.TABLE,
)
# By its name: how a worker's process is told what it works on.
TABLES: Final = {one.name: one for one in (STRATEGY, *OTHERS)}
