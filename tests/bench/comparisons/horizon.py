"""One UPDATE and pgtide while somebody's snapshot keeps every old row version."""

from typing import Final

from tests.bench import table_gates
from tests.bench.backfill import Race
from tests.bench.backfill import compare as race
from tests.bench.comparisons.backfill import write
from tests.bench.contenders import ONE_UPDATE, ONE_WORKER, TWO_WORKERS
from tests.bench.horizon import Pinned
from tests.bench.screen import show_backfill
from tests.bench.stage import Stage
from tests.bench.tables import STRATEGY

_CONTENDERS: Final = (ONE_UPDATE, ONE_WORKER, TWO_WORKERS)


def compare(stage: Stage) -> bool:
    """Measure, show and write down."""
    pinned = Pinned()
    asked = Race(table=STRATEGY, rows=stage.order.rows, contenders=_CONTENDERS, around=pinned)
    compared = race(stage.data, asked, rounds=stage.order.rounds, say=stage.say)
    gates = table_gates.pinned_gates(compared, pinned.named)
    show_backfill(stage.console, "the strategy's table, horizon pinned", compared)
    write(stage, "backfill_pinned", compared)
    stage.write_run("horizon_run", gates, named=pinned.named)
    return stage.judge("claims", gates)
