"""A walk is corrected by what is measured on it: passes that keep no row on its page only cost.

Why they do not was not seen beforehand: a report's snapshot, say, that began after the table was
cut, or rows that grow by more than one pass makes room for.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from pgtide.backfill.outage import steadily
from pgtide.events import WalkShortened
from pgtide.ledger import audit
from pgtide.ledger.hot_share import Stayed, stayed, walk_once
from pgtide.ledger.lease import Lease
from pgtide.ledger.slices import ONCE, Kind, Slice
from pgtide.ledger.worker import Worker, session_name
from pgtide.postgres.activity import horizon
from pgtide.postgres.session import Session

# With 10 passes 0.67 stay, with 6 for time 0.63; of one pass, or under a pinned horizon, none.
_LEAST: Final = 0.25
# Fewer rows than some pages hold say little.
_ENOUGH: Final = 1000
# One in so many is walked as it was cut, to see whether it helps again.
_TRIED: Final = 8
# A pass over a slice takes about as long; younger snapshots come and go.
_OLD: Final = 0.1


class Rewalk:
    """Think again about each slice that is about to be begun; tell of it once."""

    def __init__(self) -> None:
        self._told = False

    def __call__(self, worker: Worker, piece: Slice) -> Slice:
        """Return a slice as it is to be walked."""
        if not fresh(piece):
            return piece
        seen = steadily(worker, partial(stayed, lease=worker.lease, piece=piece))
        if not in_vain(seen, piece.ordinal):
            return piece
        shorten = partial(walk_once, lease=worker.lease, piece=piece, worker_id=worker.id)
        if not steadily(worker, shorten):
            return piece
        self._tell(worker, piece, seen)
        return replace(piece, schedule=ONCE)

    def _tell(self, worker: Worker, piece: Slice, seen: Stayed) -> None:
        if self._told:
            return
        self._told = True
        who = steadily(worker, partial(_pinned_by, lease=worker.lease))
        detail = {
            "slice": piece.ordinal,
            "passes": piece.passes,
            "share": round(seen.share, 3),
            "pinned_by": who,
        }
        steadily(
            worker, lambda session: audit.note(session, worker.lease, "walk_shortened", **detail)
        )
        worker.emit(WalkShortened(passes=piece.passes, share=seen.share, pinned_by=who))


def fresh(piece: Slice) -> bool:
    """Tell whether a slice is to be walked in several passes and nobody has begun."""
    return piece.kind is Kind.WALK and piece.passes > 1 and not piece.batches


def in_vain(seen: Stayed, ordinal: int) -> bool:
    """Tell whether several passes over a slice, by its place, would only cost."""
    return seen.rows >= _ENOUGH and seen.share < _LEAST and ordinal % _TRIED != 0


def _pinned_by(session: Session, lease: Lease) -> str:
    """Say who keeps old row versions alive, if anybody but the run's own workers does."""
    oldest = horizon(session, own=session_name(lease))
    return oldest.abroad if oldest and (oldest.seconds or 0.0) >= _OLD else ""
