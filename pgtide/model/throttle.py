"""What holds a backfill back by itself: the limits that a migration declares, and their defaults.

None switches a signal off. The first reading beyond a limit holds; a few readings well below it let
go.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from pgtide.model.amount import seconds, size

# What others keep locked holds a batch whatever is declared: it cannot be filled meanwhile.
LOCKS: Final = "locks"
# What pgtide watches by itself: a query of the author's under one of these names would hide it.
NAMES: Final = frozenset(
    {
        *("replica_lag", "replica_bytes", "replica_gone", "wal_rate", "archive_ready", "archiver"),
        *("slot_bytes", "vacuum", "horizon", "lock_waiters", "connections", "active_sessions"),
        *("disk_free", "disk_limit", LOCKS),
    }
)


@dataclass(frozen=True, slots=True)
class HoldWhile:
    """Hold while a query of the author's says true, or a number above a limit.

    It may only read, within two seconds, and sees the names that the migration's expressions see.
    `name` is what it is shown as.
    """

    query: str
    above: float | None = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """The limits beyond which the backfill holds until the database is well again.

    Spans and sizes are written as in PostgreSQL's settings: `2s`, `10min`, `256MB`.
    """

    # How old what a replica shows may be. gh-ost holds at 1.5 s, pt-online-schema-change at 1 s;
    # we read once a second, so anything below two readings would be noise.
    replica_lag: str | None = "2s"
    # A quarter of max_wal_size (1 GB): a replica without a slot that falls further behind is near
    # the point where the primary has removed what it needs.
    replica_bytes: str | None = "256MB"
    # Replicas by application_name or slot that are late on purpose (recovery_min_apply_delay).
    ignore_replicas: tuple[str, ...] = ()
    # Bytes of WAL a second, all sessions together. Off: no figure fits all hardware, and what WAL
    # hurts (replicas, archive, slots, disk) has limits of its own.
    wal_rate: str | None = None
    # Finished WAL files that wait for the archive: 32 of 16 MB are half of max_wal_size. A failure
    # newer than the last success holds, whatever the number.
    archive_ready: int | None = 32
    # WAL that the server keeps for one slot: max_wal_size, from where on each byte written makes
    # pg_wal grow. A slot that may lose its WAL holds, whatever the number.
    slot_bytes: str | None = "1GB"
    # How long a vacuum of the table may run before the backfill gives way to it: autovacuum_naptime
    # (1 min), since a longer one is behind already. One that prevents wraparound holds at once.
    vacuum: str | None = "1min"
    # Age of the oldest snapshot that keeps dead rows alive: without pruning, each batch is bloat.
    # Ten minutes are longer than a report takes, and shorter than a table takes to double.
    horizon: str | None = "10min"
    # Sessions that have waited for a second (deadlock_timeout, what log_lock_waits calls long) for
    # a lock on the table or for a batch: a batch takes 50 ms, so there should be none.
    lock_waiters: int | None = 0
    # Share of the connections open to all: beyond four fifths, a surge finds no room.
    connections: float | None = 0.8
    # Sessions at work. Off: the right number depends on the machine's cores.
    active_sessions: int | None = None
    # Space left for the data directory, known only where the server runs on this machine: what
    # max_wal_size lets the server write before it recycles.
    disk_free: str | None = "1GB"
    # How much the database may grow from the first batch on. Off: only the operator knows.
    disk_limit: str | None = None
    hold_while: tuple[HoldWhile, ...] = ()

    def spec(self) -> Mapping[str, object]:
        """Return the declaration as plain values."""
        return asdict(self)

    def problems(self) -> Iterator[str]:
        """Say what is wrong with the declaration."""
        for name, read in _AMOUNTS.items():
            text = getattr(self, name)
            try:
                zero = text is not None and read(text) <= 0
            except (ValueError, AttributeError) as error:
                yield f"throttle {name}: {error}"
            else:
                if zero:
                    yield f"throttle {name} is {text!r}; None switches it off"
        for name in _COUNTS:
            count = getattr(self, name)
            if count is not None and count < 0:
                yield f"throttle {name} is {count!r}; write a number from 0 on"
        if self.connections is not None and not 0 < self.connections <= 1:
            yield f"throttle connections is {self.connections!r}; write a share such as 0.8"
        names = [query_name(one, number) for number, one in enumerate(self.hold_while, start=1)]
        if len(set(names)) < len(names):
            yield "two queries of hold_while have the same name"
        for name in NAMES.intersection(names):
            yield f"a query of hold_while has the name of another signal, {name!r}; name it anew"


_AMOUNTS: Final[Mapping[str, Callable[[str], float]]] = {
    "replica_lag": seconds,
    "replica_bytes": size,
    "wal_rate": size,
    "slot_bytes": size,
    "vacuum": seconds,
    "horizon": seconds,
    "disk_free": size,
    "disk_limit": size,
}
_COUNTS: Final = ("archive_ready", "lock_waiters", "active_sessions")


def awaited(signal: str) -> str:
    """Say what a backfill waits for that a signal holds."""
    return "others to let go" if signal == LOCKS else "the database to be well"


def query_name(one: HoldWhile, number: int) -> str:
    """Return the name under which a query of the author's is shown."""
    return one.name or f"query {number}"
