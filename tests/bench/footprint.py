"""What a backfill leaves behind: bytes of the table, of its indexes and of the log; HOT updates."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.bench.horizon import HOLDER
from tests.bench.walked import Walked
from tests.small_table import run

_SIZES: Final = (
    "SELECT pg_table_size('{table}'), pg_indexes_size('{table}'),"
    " pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
)
_UPDATES: Final = (
    "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = '{table}'::regclass"
)
# As full as the table's own pages are meant to be.
_FILLFACTOR: Final = """
SELECT coalesce((SELECT option_value FROM pg_options_to_table(reloptions)
                  WHERE option_name = 'fillfactor'), '100')
  FROM pg_class WHERE oid = '{table}'::regclass
"""
# A session's counts are there when it has ended. The holder writes nothing, and stays.
_SESSIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    f" AND application_name <> '{HOLDER}'"
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
    # The process that did it, where it was one of its own.
    walked: Walked | None


def measured(url: str, table: str, act: Callable[[], object]) -> Footprint:
    """Act, and return what it left behind."""
    run(url, "CHECKPOINT")
    sizes, counts = _SIZES.format(table=table), _UPDATES.format(table=table)
    updates, hot = _numbers(url, counts)
    table_before, index, wal = _numbers(url, sizes)
    begun = time.monotonic()
    said = act()
    seconds = time.monotonic() - begun
    table_after, index_after, wal_after = _numbers(url, sizes)
    _await_sessions(url)
    updates_after, hot_after = _numbers(url, counts)
    return Footprint(
        seconds=seconds,
        table_before=table_before,
        table_after=table_after,
        index_before=index,
        index_after=index_after,
        wal=wal_after - wal,
        hot_share=(hot_after - hot) / max(1, updates_after - updates),
        walked=said if isinstance(said, Walked) else None,
    )


def minimal(url: str, table: str) -> int:
    """Return the bytes of the same rows, freshly written."""
    [(fillfactor,)] = run(url, _FILLFACTOR.format(table=table))
    [(size,)] = run(
        url,
        f"CREATE TABLE public.minimal (LIKE {table} INCLUDING STORAGE)"
        f" WITH (fillfactor = {fillfactor})",
        f"INSERT INTO public.minimal TABLE {table}",
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
