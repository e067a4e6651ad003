"""Big tables and small ones."""

from dataclasses import asdict

from tests.bench import plots, scaling, scaling_gates
from tests.bench.screen import show_scaling
from tests.bench.stage import Stage


def compare(stage: Stage) -> bool:
    """Measure, show, write down and draw."""
    order = stage.order
    runs = min(scaling.RUNS, order.rounds)
    measured = scaling.measure(stage.data, rows=order.rows, runs=runs, say=stage.say)
    gates = scaling_gates.gates(measured)
    show_scaling(stage.console, measured)
    rows = [{**asdict(one), "seconds": one.seconds, "us_per_row": one.per_row} for one in measured]
    stage.write_run("scaling", gates, scaling=rows)
    plots.scaling(order.place / "scaling.png", measured)
    return stage.judge("claims", gates)
