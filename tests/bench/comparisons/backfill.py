"""Every contender on the strategy's table, with and without the application."""

from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.bench import backfill_gates, plots
from tests.bench.backfill import Compared, Race
from tests.bench.backfill import compare as race
from tests.bench.contenders import CONTENDERS, ONE_UPDATE
from tests.bench.machine import full_pages
from tests.bench.screen import show_backfill
from tests.bench.stage import Stage
from tests.bench.tables import STRATEGY

NAME: Final = "backfill"
# Whose time is claimed, and what it is measured by.
_TIMED: Final = frozenset({ONE_UPDATE.name, *backfill_gates.LIMITS})
_GENTLE: Final = {name for name, limits in backfill_gates.LIMITS.items() if limits.gentle}


def compare(stage: Stage) -> bool:
    """Measure, show, write down and draw."""
    order = stage.order
    asked = Race(
        table=STRATEGY,
        rows=order.rows,
        contenders=CONTENDERS,
        timed=[one for one in CONTENDERS if one.name in _TIMED],
        gentle=[one for one in CONTENDERS if one.name in _GENTLE],
        application=True,
    )
    compared = race(stage.data, asked, rounds=order.rounds, say=stage.say)
    gates = backfill_gates.gates(compared, full_pages=full_pages(stage.data.url))
    show_backfill(stage.console, "the strategy's table", compared)
    write(stage, NAME, compared)
    stage.write_run(
        f"{NAME}_run",
        gates,
        idle=compared.idle and asdict(compared.idle),
        application={name: asdict(waits) for name, waits in compared.waits.items()},
        seconds={name: [one.seconds for one in tries] for name, tries in compared.tries.items()},
    )
    draw(order.place, compared)
    return stage.judge("claims", gates)


def write(stage: Stage, name: str, compared: Compared) -> None:
    """Write the figures down: one object per contender."""
    stage.write(name, [asdict(one) for one in compared.figures])


def draw(place: Path, compared: Compared) -> None:
    """Draw who took how long, what was left, and who waited."""
    plots.times(place / f"{NAME}_time.png", compared)
    plots.sizes(place / f"{NAME}_size.png", compared)
    plots.waits(place / f"{NAME}_waits.png", compared)
