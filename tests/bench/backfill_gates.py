"""What is aimed at for the backfill with one worker, held against what was measured.

No promise yet: `make bench` shows them, and does not fail for them.
"""

from tests.bench.backfill import Compared
from tests.bench.contenders import ONE_UPDATE, ONE_WORKER
from tests.bench.gate import Gate

_TIME = 1.2
_TABLE = 1.12
_INDEX = 1.25
# With full_page_writes, as a server has them unless told otherwise.
_WAL = 0.75
_P99 = 3.0
_MAX_MS = 100.0


def gates(compared: Compared) -> tuple[Gate, ...]:
    """Return every aim with its verdict."""
    found = {one.contender: one for one in compared.figures}
    ours, peer = found[ONE_WORKER], found[ONE_UPDATE]
    return (
        _at_most("time, of one UPDATE's", ours.seconds / peer.seconds, _TIME),
        _at_most(
            "table, of the same rows freshly written",
            ours.table_bytes_after / ours.table_bytes_minimal,
            _TABLE,
        ),
        _at_most("indexes, of before", ours.index_bytes_after / ours.index_bytes_before, _INDEX),
        _at_most("WAL, of one UPDATE's", ours.wal_bytes / peer.wal_bytes, _WAL),
        *_waits(compared),
        Gate(
            claim="no statement of the application fails",
            kept=ours.app_failures == 0,
            measured=f"{ours.app_failures:,} failed",
        ),
    )


def _waits(compared: Compared) -> tuple[Gate, ...]:
    [ours] = [one for one in compared.figures if one.contender == ONE_WORKER]
    idle = compared.idle
    if not (ours.app_p99_ms and ours.app_max_ms and idle.p99_ms and idle.max_ms):
        return ()
    return (
        _at_most(
            "the application's p99, of that without a migration",
            ours.app_p99_ms / idle.p99_ms,
            _P99,
        ),
        Gate(
            claim=f"the application's longest wait, above noise: at most {_MAX_MS:.0f} ms",
            kept=ours.app_max_ms <= idle.max_ms + _MAX_MS,
            measured=f"{ours.app_max_ms:.0f} ms, noise {idle.max_ms:.0f} ms",
        ),
    )


def _at_most(what: str, ratio: float, limit: float) -> Gate:
    return Gate(claim=f"{what}: at most {limit:.2f}", kept=ratio <= limit, measured=f"{ratio:.2f}")
