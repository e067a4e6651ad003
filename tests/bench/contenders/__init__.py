"""The contenders of the backfill's comparison, one file each, in the order of the table."""

from typing import Final

from tests.bench.contender import Contender
from tests.bench.contenders import key_ranges, keyset, one_update, one_worker, strategy_loop

ONE_UPDATE: Final = one_update.CONTENDER.name
ONE_WORKER: Final = one_worker.CONTENDER.name
CONTENDERS: Final[tuple[Contender, ...]] = (
    one_update.CONTENDER,
    strategy_loop.CONTENDER,
    keyset.CONTENDER,
    key_ranges.CONTENDER,
    one_worker.CONTENDER,
)
