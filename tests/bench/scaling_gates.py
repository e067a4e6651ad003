"""What is claimed of big tables: a row costs there what it costs on small ones."""

from collections.abc import Sequence
from typing import Final

from tests.bench.contenders import TWO_WORKERS
from tests.bench.gate import Gate, at_most
from tests.bench.scaling import Scaled

_PER_ROW: Final = 1.15
_MB: Final = 1_000_000
_GROWTH: Final = 60 * _MB


def gates(measured: Sequence[Scaled]) -> tuple[Gate, ...]:
    """Return every claim with its verdict."""
    ours = sorted(
        (one for one in measured if one.contender == TWO_WORKERS.name), key=lambda one: one.rows
    )
    small, big = ours[0], ours[-1]
    growth = max((one.process.growth for one in ours if one.process), default=None)
    return (
        at_most(
            f"{TWO_WORKERS.name}: time per row at {big.rows:,}, of that at {small.rows:,}",
            big.per_row / small.per_row,
            _PER_ROW,
        ),
        Gate(
            claim=f"a worker's process grows by at most {_GROWTH // _MB} MB from its first batch",
            kept=growth is not None and growth <= _GROWTH,
            measured="unknown" if growth is None else f"{growth / _MB:.0f} MB at most",
        ),
    )
