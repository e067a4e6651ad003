"""Whose a slice is: which are free, taking one, giving back, and who has it now."""

from dataclasses import dataclass
from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.ledger.slices import Kind, Slice, of_kind
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whose token a slice carries and which worker has it; one that is void counts no more."""

    token: int
    worker_id: int | None
    void: bool


def free(session: Session, lease: Lease, kind: Kind, *, round_: int, silence: float) -> list[int]:
    """Return the open slices that nobody works on whose heart beat within so many seconds."""
    asked = {**_free(lease, kind, round_, silence), "slice": None}
    return [row["id"] for row in session.rows(_SQL["free_slices"], asked)]


def is_free(session: Session, lease: Lease, piece: Slice, *, silence: float) -> bool:
    """Tell whether a slice is one of those that `free` returns."""
    asked = {**_free(lease, piece.kind, piece.round, silence), "slice": piece.id}
    return bool(session.rows(_SQL["free_slices"], asked))


def claim(session: Session, lease: Lease, seen: Slice, worker_id: int) -> bool:
    """Take a slice that is as it was seen; False where somebody was faster."""
    params = {
        "slice": seen.id,
        "token": lease.token,
        "seen": seen.worker_id,
        "worker": worker_id,
    }
    # A crash must not forget who writes to it.
    with session.transaction(settings={"synchronous_commit": "on"}):
        return session.execute(_SQL["claim_slice"], params, doing="claiming a slice") == 1


def standing(session: Session, piece: Slice) -> Standing | None:
    """Return who may write to a slice now; None where its migration was purged."""
    row = session.row(_SQL["holder"], {"slice": piece.id})
    if row is None:
        return None
    return Standing(token=row["token"], worker_id=row["worker_id"], void=row["state"] == "void")


def give_back(session: Session, lease: Lease, worker_id: int) -> int:
    """Free the open slices of a worker that works on none; return how many there were."""
    whose = {"worker": worker_id, "token": lease.token}
    return session.execute(_SQL["give_back_slices"], whose, doing="giving slices back")


def _free(lease: Lease, kind: Kind, round_: int, silence: float) -> dict[str, object]:
    return {**of_kind(lease, kind), "round": round_, "token": lease.token, "lease": silence}
