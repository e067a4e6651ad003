"""Which signals a migration watches: those that its declaration gives a limit."""

from pgtide.backfill.throttle.active_sessions import ActiveSessions
from pgtide.backfill.throttle.archive_ready import ArchiveReady
from pgtide.backfill.throttle.archiver import Archiver
from pgtide.backfill.throttle.connections import Connections
from pgtide.backfill.throttle.declared import Declared
from pgtide.backfill.throttle.disk_free import DiskFree
from pgtide.backfill.throttle.disk_limit import DiskLimit
from pgtide.backfill.throttle.horizon import Horizon
from pgtide.backfill.throttle.lock_waiters import LockWaiters
from pgtide.backfill.throttle.replica_bytes import ReplicaBytes
from pgtide.backfill.throttle.replica_gone import ReplicaGone
from pgtide.backfill.throttle.replica_lag import ReplicaLag
from pgtide.backfill.throttle.signal import Signal
from pgtide.backfill.throttle.slots import Slots
from pgtide.backfill.throttle.vacuum import Vacuum
from pgtide.backfill.throttle.wal_rate import WalRate
from pgtide.model.amount import seconds, size
from pgtide.model.throttle import Throttle, query_name


def chosen(throttle: Throttle, *, table: str) -> tuple[Signal, ...]:
    """Return the signals that have a limit; a vacuum against wraparound needs none."""
    return (
        *_replicas(throttle),
        *_wal(throttle),
        Vacuum(None if throttle.vacuum is None else seconds(throttle.vacuum)),
        *_sessions(throttle, table),
        *_disk(throttle),
    )


def declared(throttle: Throttle) -> tuple[Declared, ...]:
    """Return the author's own queries."""
    return tuple(
        Declared(one, query_name(one, number))
        for number, one in enumerate(throttle.hold_while, start=1)
    )


def _replicas(throttle: Throttle) -> list[Signal]:
    found: list[Signal] = []
    if throttle.replica_lag is not None:
        found.append(ReplicaLag(seconds(throttle.replica_lag), throttle.ignore_replicas))
    if throttle.replica_bytes is not None:
        found.append(ReplicaBytes(size(throttle.replica_bytes), throttle.ignore_replicas))
    # Whoever does not care how late a replica is does not care where it is.
    return [*found, ReplicaGone(throttle.ignore_replicas)] if found else []


def _wal(throttle: Throttle) -> list[Signal]:
    found: list[Signal] = []
    if throttle.wal_rate is not None:
        found.append(WalRate(size(throttle.wal_rate)))
    if throttle.archive_ready is not None:
        found += [Archiver(), ArchiveReady(throttle.archive_ready)]
    if throttle.slot_bytes is not None:
        found.append(Slots(size(throttle.slot_bytes)))
    return found


def _sessions(throttle: Throttle, table: str) -> list[Signal]:
    found: list[Signal] = []
    if throttle.horizon is not None:
        found.append(Horizon(seconds(throttle.horizon)))
    if throttle.lock_waiters is not None:
        found.append(LockWaiters(throttle.lock_waiters, table))
    if throttle.connections is not None:
        found.append(Connections(throttle.connections))
    if throttle.active_sessions is not None:
        found.append(ActiveSessions(throttle.active_sessions))
    return found


def _disk(throttle: Throttle) -> list[Signal]:
    found: list[Signal] = []
    if throttle.disk_free is not None:
        found.append(DiskFree(size(throttle.disk_free)))
    if throttle.disk_limit is not None:
        found.append(DiskLimit(size(throttle.disk_limit)))
    return found
