"""One UPDATE and pgtide on every other table."""

from typing import Final

from tests.bench import plots, table_gates
from tests.bench.backfill import Race
from tests.bench.backfill import compare as race
from tests.bench.comparisons.backfill import write
from tests.bench.contenders import ONE_UPDATE, PGTIDE
from tests.bench.screen import show_backfill
from tests.bench.stage import Stage
from tests.bench.tables import OTHERS

_CONTENDERS: Final = (ONE_UPDATE, *PGTIDE)


def compare(stage: Stage) -> bool:
    """Measure, show, write down and draw."""
    order, all_compared = stage.order, []
    for table in OTHERS:
        asked = Race(table=table, rows=table.rows(order.rows), contenders=_CONTENDERS)
        compared = race(stage.data, asked, rounds=order.rounds, say=stage.say)
        show_backfill(stage.console, f"table {table.name}, {asked.rows:,} rows", compared)
        write(stage, f"backfill_{table.name}", compared)
        all_compared.append(compared)
    gates = [gate for compared in all_compared for gate in table_gates.gates(compared)]
    stage.write_run("tables_run", gates)
    plots.tables(order.place / "tables.png", all_compared)
    return stage.judge("claims", gates)
