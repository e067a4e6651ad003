"""A backfill that is killed again and again."""

from dataclasses import asdict

from tests.bench import kill_gates, kills
from tests.bench.stage import Stage


def compare(stage: Stage) -> bool:
    """Kill, show and write down."""
    order = stage.order
    killed = kills.measure(
        stage.data, rows=order.rows, kills=kills.PER_ROUND * order.rounds, say=stage.say
    )
    gates = kill_gates.gates(killed)
    stage.write_run("kills", gates, killed=asdict(killed))
    return stage.judge("one backfill, two workers, killed at random moments", gates)
