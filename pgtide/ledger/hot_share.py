"""How well passes kept rows on their page so far, and a slice that is walked once instead."""

from dataclasses import dataclass
from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.ledger.slices import ONCE, Slice
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stayed:
    """Rows of the newest slices that were walked in several passes, and those that stayed (HOT)."""

    rows: int
    hot: int

    @property
    def share(self) -> float:
        """Return the share that stayed; 1 where nothing was counted."""
        return self.hot / self.rows if self.rows else 1.0


def stayed(session: Session, lease: Lease, piece: Slice) -> Stayed:
    """Return how the slices of the same leaf fared that ended last."""
    where = {"id": lease.migration_id, "attempt": lease.attempt, "leaf": piece.leaf}
    return Stayed(**(session.row(_SQL["hot_share"], where) or {}))


def walk_once(session: Session, lease: Lease, piece: Slice, worker_id: int) -> bool:
    """Have a worker's slice that nobody has begun walked once; False where it is begun, or lost."""
    params = {
        "slice": piece.id,
        "token": lease.token,
        "worker": worker_id,
        "schedule": list(ONCE),
    }
    return session.execute(_SQL["walk_once"], params, doing="shortening a walk") == 1
