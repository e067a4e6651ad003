"""Ranges of the key of 10,000 rows each, beside the triggers that keep the shapes in step."""

from collections.abc import Callable
from functools import partial
from typing import Final

import psycopg

from pgtide.model.state import Phase
from tests.bench.contender import Contender
from tests.bench.dataset import FILL, TABLE
from tests.driving import migrate
from tests.users import email_migration

_ROWS: Final = 10_000
# Where the range ends is asked of the index: gaps in the key cost nothing.
_END: Final = (
    f"SELECT max(id) FROM (SELECT id FROM {TABLE} WHERE id > %s ORDER BY id LIMIT {_ROWS}) AS t"
)
_UPDATE: Final = f"UPDATE {TABLE} SET {FILL} WHERE id > %s AND id <= %s"


def prepare(url: str) -> Callable[[], object]:
    """Expand as pgtide does."""
    migrate(url, email_migration(), until=Phase.EXPAND)
    return partial(fill, url)


def fill(url: str) -> None:
    """Commit range after range up to the last key there was at the start."""
    with psycopg.connect(url, autocommit=True) as session:
        low = -1
        while (end := session.execute(_END.encode(), [low]).fetchone()) != (None,):
            assert end is not None
            session.execute(_UPDATE.encode(), [low, end[0]])
            low = end[0]


CONTENDER: Final = Contender(name="key ranges of 10,000", prepare=prepare)
