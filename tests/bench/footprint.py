"""What a backfill leaves behind: bytes of the table, of its indexes and of the log; HOT updates."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.bench.dataset import TABLE
from tests.small_table import run

_SIZES: Final = (
    f"SELECT pg_table_size('{TABLE}'), pg_indexes_size('{TABLE}'),"
    " pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
)
_UPDATES: Final = (
    f"SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = '{TABLE}'::regclass"
)
# A session's counts are there when it has ended.
_SESSIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
_PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """A table before and after, and what the way from one to the other has cost."""

    seconds: float
    table_before: int
    table_after: int
    index_before: int
    index_after: int
    wal: int
    hot_share: float


def measured(url: str, act: Callable[[], object]) -> Footprint:
    """Act, and return what it left behind."""
    run(url, "CHECKPOINT")
    updates, hot = _numbers(url, _UPDATES)
    table, index, wal = _numbers(url, _SIZES)
    begun = time.monotonic()
    act()
    seconds = time.monotonic() - begun
    table_after, index_after, wal_after = _numbers(url, _SIZES)
    _await_sessions(url)
    updates_after, hot_after = _numbers(url, _UPDATES)
    return Footprint(
        seconds=seconds,
        table_before=table,
        table_after=table_after,
        index_before=index,
        index_after=index_after,
        wal=wal_after - wal,
        hot_share=(hot_after - hot) / max(1, updates_after - updates),
    )


def minimal(url: str) -> int:
    """Return the bytes of the same rows, freshly written."""
    [(size,)] = run(
        url,
        f"CREATE TABLE public.minimal AS TABLE {TABLE}",
        "SELECT pg_table_size('public.minimal')",
    )
    return int(str(size))


def _await_sessions(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while run(url, _SESSIONS) != [(0,)]:
        assert time.monotonic() < deadline, "a session of the backfill's does not end"
        time.sleep(0.05)


def _numbers(url: str, query: str) -> tuple[int, ...]:
    [row] = run(url, query)
    return tuple(int(str(one)) for one in row)
