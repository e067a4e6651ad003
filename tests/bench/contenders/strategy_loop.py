"""The strategy's own loop, its pauses included: as one DO block, and committed after each batch.

On a table without NULLs: with one it never ends (tests/strategy/test_negative_controls.py). Nor
does it while somebody inserts a row in each of its pauses: it is stopped after as many batches as
its table has. It has no triggers: what is written behind it is lost.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Final

from tests.bench.bench_table import BenchTable
from tests.bench.contender import Contender, Filling
from tests.bench.tables.strategy import REQUIRED_TABLE
from tests.small_table import run
from tests.strategy.interleaving import quoted

_ENDS: Final = {"    ) LOOP": "    ) AND processed < total_rows LOOP"}
_COMMITS: Final = {"        -- Pausa": "        COMMIT;\n        -- Pausa"}
# Each of its batches looks for its rows from the start of the table.
_MOST_ROWS: Final = 1_000_000


@contextmanager
def _ready(changed: Mapping[str, str], url: str, table: BenchTable) -> Iterator[Filling]:
    run(url, table.widen)
    loop = quoted("backfill_loop").decode()
    for its, ours in changed.items():
        assert loop.count(its) == 1, its
        loop = loop.replace(its, ours)
    yield lambda: run(url, "SET client_min_messages = warning", loop)


def _loop(name: str, changed: Mapping[str, str]) -> Contender:
    return Contender(
        name=name, ready=partial(_ready, changed), table=REQUIRED_TABLE, most_rows=_MOST_ROWS
    )


AT_ONCE: Final = _loop("strategy's loop, one DO block", _ENDS)
COMMITTED: Final = _loop("strategy's loop, committed", {**_ENDS, **_COMMITS})
