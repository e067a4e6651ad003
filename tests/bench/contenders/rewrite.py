"""The rows written anew with their indexes while nobody uses the table: the limit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.bench.bench_table import BenchTable
from tests.bench.contender import Contender, Filling
from tests.bench.tables.strategy import RELATION, TABLE
from tests.small_table import run

_REWRITE: Final = (
    "BEGIN;"
    " CREATE TABLE public.rewritten AS SELECT *, email_verified AS email_verified_v2,"
    "     verification_token AS verification_token_v2,"
    f"    CASE WHEN email_verified THEN created_at END AS verified_at FROM {RELATION};"
    f" DROP TABLE {RELATION};"
    " ALTER TABLE public.rewritten RENAME TO users;"
    f" ALTER TABLE {RELATION} ADD PRIMARY KEY (id);"
    f" CREATE INDEX idx_users_email_verified ON {RELATION} (email_verified) WHERE email_verified;"
    f" CREATE INDEX users_created ON {RELATION} (created_at);"
    " COMMIT"
)


@contextmanager
def ready(url: str, table: BenchTable) -> Iterator[Filling]:
    """Need nothing."""
    del table
    yield lambda: run(url, _REWRITE)


CONTENDER: Final = Contender(
    name="offline rewrite with indexes", ready=ready, table=TABLE, offline=True
)
