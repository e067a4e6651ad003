"""What is compared, one file each, in the order in which it is."""

from collections.abc import Callable
from typing import Final

from tests.bench.comparisons import (
    backfill,
    horizon,
    kills,
    orchestration,
    scaling,
    tables,
    targets,
    undo,
    wal,
)
from tests.bench.stage import Stage

# Each tells whether every claim of its was kept.
COMPARISONS: Final[dict[str, Callable[[Stage], bool]]] = {
    "undo": undo.compare,
    "backfill": backfill.compare,
    "tables": tables.compare,
    "targets": targets.compare,
    "wal": wal.compare,
    "horizon": horizon.compare,
    "scaling": scaling.compare,
    "kills": kills.compare,
    "orchestration": orchestration.compare,
}
