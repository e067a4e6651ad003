"""What is claimed of the backfill of the strategy's table, held against what was measured."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.bench.backfill import Compared, Figures
from tests.bench.contender import Contender
from tests.bench.contenders import (
    BY_ITSELF,
    FOR_TIME,
    ONE_UPDATE,
    ONE_WORKER,
    PGTIDE,
    TWO_WORKERS,
)
from tests.bench.gate import Gate, at_most
from tests.bench.load import Waits

# Of one UPDATE's, without full_page_writes and with it: images of whole pages are the same for all.
_WAL: Final = {False: 0.60, True: 0.75}
_P99: Final = 3.0
_MAX_MS: Final = 100.0
# Below that it would be no load.
_RATE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time, of one UPDATE's; table, of the same rows freshly written; indexes, of before.

    `gentle` tells whether the application's p99 is claimed: not where each of the two cores that
    this is meant for is a worker's.
    """

    time: float
    table: float
    index: float
    wal: bool = True
    gentle: bool = True


LIMITS: Final[Mapping[str, Limits]] = {
    ONE_WORKER.name: Limits(time=1.2, table=1.12, index=1.25),
    TWO_WORKERS.name: Limits(time=0.70, table=1.12, index=1.25, gentle=False),
    # Two where nobody else is, one beside the application.
    BY_ITSELF.name: Limits(time=0.70, table=1.12, index=1.25),
    # Nothing is claimed of what it writes to the log.
    FOR_TIME.name: Limits(time=0.55, table=1.15, index=1.8, wal=False, gentle=False),
}


def gates(compared: Compared, *, full_pages: bool) -> tuple[Gate, ...]:
    """Return every claim about who took part, with its verdict."""
    return tuple(
        gate
        for contender in (*PGTIDE, BY_ITSELF)
        if compared.raced(contender)
        for gate in _gates(compared, contender, full_pages=full_pages)
    )


def wal_gates(compared: Compared, *, full_pages: bool) -> tuple[Gate, ...]:
    """Return the claims about the log alone."""
    return tuple(
        _wal(compared.of(one), compared.of(ONE_UPDATE), full_pages=full_pages)
        for one in PGTIDE
        if compared.raced(one) and LIMITS[one.name].wal
    )


def _gates(compared: Compared, contender: Contender, *, full_pages: bool) -> Iterator[Gate]:
    name, limits = contender.name, LIMITS[contender.name]
    ours, peer = compared.of(contender), compared.of(ONE_UPDATE)
    yield at_most(f"{name}: time, of one UPDATE's", ours.seconds / peer.seconds, limits.time)
    yield at_most(
        f"{name}: table, of the same rows freshly written",
        ours.table_bytes_after / ours.table_bytes_minimal,
        limits.table,
    )
    yield at_most(
        f"{name}: indexes, of before",
        ours.index_bytes_after / ours.index_bytes_before,
        limits.index,
    )
    if limits.wal:
        yield _wal(ours, peer, full_pages=full_pages)
    if compared.idle is not None and name in compared.waits:
        yield from _waits(name, compared.waits[name], compared.idle, gentle=limits.gentle)


def _wal(ours: Figures, peer: Figures, *, full_pages: bool) -> Gate:
    return at_most(
        f"{ours.contender}: WAL, of one UPDATE's, full_page_writes {'on' if full_pages else 'off'}",
        ours.wal_bytes / peer.wal_bytes,
        _WAL[full_pages],
    )


def _waits(name: str, saw: Waits, idle: Waits, *, gentle: bool) -> Iterator[Gate]:
    # Where nothing was measured, nothing is kept.
    if gentle:
        yield at_most(
            f"{name}: the application's p99, of that without a migration",
            (saw.p99_ms or math.inf) / (idle.p99_ms or math.nan),
            _P99,
        )
    longest, noise = saw.max_ms or math.inf, idle.max_ms or 0.0
    yield Gate(
        claim=f"{name}: the application's longest wait, above noise: at most {_MAX_MS:.0f} ms",
        kept=longest <= noise + _MAX_MS,
        measured=f"{longest:.0f} ms, noise {noise:.0f} ms",
    )
    yield Gate(
        claim=f"{name}: the application's statements, a second: at least {_RATE}",
        kept=saw.per_second >= _RATE,
        measured=f"{saw.per_second:.0f}",
    )
    yield Gate(
        claim=f"{name}: no statement of the application fails",
        kept=saw.failures == 0,
        measured=f"{saw.failures:,} failed",
    )
