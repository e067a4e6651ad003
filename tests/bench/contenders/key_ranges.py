"""Ranges of the key of 10,000 rows each, beside the triggers that keep the shapes in step."""

from typing import Final

import psycopg

from tests.bench.bench_table import BenchTable
from tests.bench.contender import Contender, expanded

_ROWS: Final = 10_000
# Where the range ends is asked of the index: gaps in the key cost nothing.
_END: Final = (
    "SELECT max(id) FROM (SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT {rows}) AS t"
)


def fill(url: str, table: BenchTable) -> None:
    """Commit range after range up to the last key there was at the start."""
    end_of = _END.format(table=table.relation, rows=_ROWS).encode()
    update = f"UPDATE {table.relation} SET {table.fill} WHERE id > %s AND id <= %s".encode()
    with psycopg.connect(url, autocommit=True) as session:
        low = -1
        while (end := session.execute(end_of, [low]).fetchone()) != (None,):
            assert end is not None
            session.execute(update, [low, end[0]])
            low = end[0]


CONTENDER: Final = Contender(name="key ranges of 10,000", ready=expanded(fill))
