"""The strategy's own loop, its pauses included, but committed after each batch.

On a table without NULLs: with one it never ends (tests/strategy/test_negative_controls.py). Nor
does it while somebody inserts a row in each of its pauses: it is stopped after as many batches as
its table has. It has no triggers: what is written behind it is lost.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.bench.contender import LEFT, Contender
from tests.bench.dataset import WIDEN
from tests.small_table import run
from tests.strategy.interleaving import quoted
from tests.users import REQUIRED

_CHANGED: Final = {
    "        -- Pausa": "        COMMIT;\n        -- Pausa",
    "    ) LOOP": "    ) AND processed < total_rows LOOP",
}


def prepare(url: str) -> Callable[[], object]:
    """Add the columns under the strategy's names."""
    run(url, WIDEN.replace("verified_at", "verified_at_v2"))
    loop = quoted("backfill_loop").decode()
    for its, ours in _CHANGED.items():
        assert loop.count(its) == 1, its
        loop = loop.replace(its, ours)
    return partial(run, url, "SET client_min_messages = warning", loop)


CONTENDER: Final = Contender(
    name="strategy's loop, committed",
    prepare=prepare,
    kind=REQUIRED,
    left=LEFT.format(date="verified_at_v2"),
)
