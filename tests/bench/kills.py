"""One backfill with two workers, killed at random moments: what is there afterwards."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.dataset import Dataset
from tests.bench.tables import STRATEGY
from tests.scenarios.child import carried_out
from tests.scenarios.killed import BEGAN, Order
from tests.scenarios.killed_often import Survived, killed_often
from tests.small_table import run
from tests.table_state import TableState, table_state

# Fifty at the five rounds that make a verdict.
PER_ROUND: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What became of it; `seed` makes the moments of the kills again."""

    rows: int
    wanted: int
    seed: int
    survived: Survived
    differences: tuple[str, ...]


def measure(data: Dataset, *, rows: int, kills: int, say: Callable[[str], None]) -> Killed:
    """Kill a backfill of so many rows so often, and compare its end with that of one in peace."""
    seed = random.SystemRandom().randrange(2**32)
    template = data.table(STRATEGY, rows)
    witness = data.made("witness", lambda url: run(url, BEGAN))
    with TemporaryDirectory(prefix="pgtide-bench-") as folder:
        with data.copy(template) as url:
            healthy = _healthy(_order(url, Path(folder)))
        with data.copy(template) as url, data.copy(witness) as notes:
            order = replace(_order(url, Path(folder)), witness=notes)
            survived = killed_often(order, kills, random.Random(seed), say)
            differences = healthy.differences(table_state(url))
    return Killed(
        rows=rows, wanted=kills, seed=seed, survived=survived, differences=tuple(differences)
    )


def _order(url: str, folder: Path) -> Order:
    return Order(url=url, backups=str(folder), slice_blocks=2048, passes=10, workers=2)


def _healthy(order: Order) -> TableState:
    ended = carried_out(order)
    assert ended.code == 0, str(ended)
    return table_state(order.url)
