"""What goes to the log where no images of whole pages do."""

from typing import Final

from tests.bench import backfill_gates
from tests.bench.backfill import Race
from tests.bench.backfill import compare as race
from tests.bench.comparisons.backfill import write
from tests.bench.contenders import ONE_UPDATE, ONE_WORKER, TWO_WORKERS
from tests.bench.machine import full_pages, without_full_pages
from tests.bench.screen import show_backfill
from tests.bench.stage import Stage
from tests.bench.tables import STRATEGY

_CONTENDERS: Final = (ONE_UPDATE, ONE_WORKER, TWO_WORKERS)


def compare(stage: Stage) -> bool:
    """Measure, show and write down."""
    asked = Race(table=STRATEGY, rows=stage.order.rows, contenders=_CONTENDERS)
    with without_full_pages(stage.data.url):
        compared = race(stage.data, asked, rounds=stage.order.rounds, say=stage.say)
        gates = backfill_gates.wal_gates(compared, full_pages=full_pages(stage.data.url))
    show_backfill(stage.console, "the strategy's table, full_page_writes off", compared)
    write(stage, "backfill_wal", compared)
    stage.write_run("wal_run", gates)
    return stage.judge("claims", gates)
