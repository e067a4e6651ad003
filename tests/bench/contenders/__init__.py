"""The contenders of the backfill's comparison, one file each, in the order of the table."""

from typing import Final

from tests.bench.contender import Contender
from tests.bench.contenders import (
    key_ranges,
    keyset,
    one_update,
    pgtide_workers,
    rewrite,
    strategy_loop,
)

ONE_UPDATE: Final = one_update.CONTENDER
ONE_WORKER: Final = pgtide_workers.ONE_WORKER
TWO_WORKERS: Final = pgtide_workers.TWO_WORKERS
FOR_TIME: Final = pgtide_workers.FOR_TIME
BY_ITSELF: Final = pgtide_workers.BY_ITSELF
PGTIDE: Final = (ONE_WORKER, TWO_WORKERS, FOR_TIME)
CONTENDERS: Final[tuple[Contender, ...]] = (
    ONE_UPDATE,
    strategy_loop.AT_ONCE,
    strategy_loop.COMMITTED,
    keyset.CONTENDER,
    key_ranges.CONTENDER,
    *PGTIDE,
    BY_ITSELF,
    rewrite.CONTENDER,
)
