"""The time that a batch takes, held against the one that was asked for."""

from dataclasses import asdict

from tests.bench import target_gates, targets
from tests.bench.stage import Stage


def compare(stage: Stage) -> bool:
    """Measure, show and write down."""
    order = stage.order
    measured = targets.measure(stage.data, rows=order.rows, rounds=order.rounds, say=stage.say)
    gates = target_gates.gates(measured)
    stage.write_run("targets", gates, targets=[asdict(one) for one in measured])
    return stage.judge("batch targets", gates)
