"""Undo: for how long the application waits."""

from typing import Final

from tests.bench import undo, undo_gates
from tests.bench.screen import show_undo
from tests.bench.stage import Stage

# The smaller table, of the rows asked for: 0.3 and 3 million of one.
_SHARE: Final = 0.3


def compare(stage: Stage) -> bool:
    """Measure, show and write down."""
    rows = max(1, round(stage.order.rows * _SHARE))
    measured = undo.measure(stage.data, rows=rows, rounds=stage.order.rounds, say=stage.say)
    gates = undo_gates.gates(measured)
    show_undo(stage.console, measured)
    stage.write_run("undo", gates, undone=[one.document() for one in measured])
    return stage.judge("claims", gates)
