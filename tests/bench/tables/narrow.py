"""Rows of 40 bytes, nearly two hundred to a page, and one column to fill."""

from typing import Final

from pgtide import Migration, ReplaceColumn
from tests.bench.bench_table import BenchTable
from tests.small_table import run

_RELATION: Final = "public.narrow"


def create(url: str, rows: int) -> None:
    """Create and fill it."""
    run(
        url,
        f"CREATE TABLE {_RELATION} (id bigint PRIMARY KEY, amount int NOT NULL, kind int NOT NULL)",
        f"INSERT INTO {_RELATION} SELECT 3 * i, i, i % 7 FROM generate_series(1, {rows}) AS i",
    )


def migration() -> Migration:
    """Replace one column."""
    return Migration(
        id="20260101_000000_narrow",
        version="1.0.0",
        description="Narrow rows",
        table=_RELATION,
        changes=[ReplaceColumn("amount", interim="amount_v2", type="integer")],
        contract_release="1.1.0",
    )


TABLE: Final = BenchTable(
    name="narrow",
    relation=_RELATION,
    create=create,
    migration=migration,
    widen=f"ALTER TABLE {_RELATION} ADD COLUMN amount_v2 int",
    fill="amount_v2 = amount",
    left=f"SELECT count(*) FROM {_RELATION} WHERE amount_v2 IS DISTINCT FROM amount",
)
