"""When the next batch comes and how big it is: the window, the target time, the duty.

One for each worker, kept from slice to slice: what a pass has taught holds for the next slice too.
"""

from typing import Final

from pgtide.backfill.batch import Outcome
from pgtide.backfill.pace import Pace, Paces, by_key, counted
from pgtide.backfill.rate import Rate, rate_of, rest
from pgtide.ledger.hours import Errand, await_hours
from pgtide.ledger.slices import Kind, Slice
from pgtide.ledger.worker import Worker

# A rest ends as soon as the rate is raised, or the run has to end.
_NAP: Final = 0.2


class Pacing:
    """Pace the batches of one worker."""

    def __init__(self) -> None:
        self._by_block = Paces()
        self._by_key = Paces(by_key)

    def before(self, worker: Worker, piece: Slice) -> None:
        """Raise WindowClosed where the next batch would not end inside the window."""
        if piece.kind is Kind.ARCHIVE:
            # An undo waits for no window.
            return
        seconds, command = self._pace(worker, piece).seconds, f"pgtide up {worker.plan.version}"
        await_hours(worker.run, Errand(what="a batch", seconds=seconds, command=command))

    def blocks(self, worker: Worker, piece: Slice, *, most: int) -> int:
        """Return how many blocks, or keys, the next batch takes."""
        pace = self._pace(worker, piece)
        return pace.bounded(pace.blocks, most=most).whole

    def after(self, worker: Worker, piece: Slice, took: Outcome, *, blocks: int, most: int) -> None:
        """Learn from a batch of so many blocks, and rest as long as the duty asks."""
        pace, seconds = self._pace(worker, piece), took.seconds
        learnt = pace.after(counted(seconds, took.worked), blocks=blocks, most=most)
        self._paces(piece).learn(piece.step, learnt)
        begun = worker.clock.monotonic()
        while (left := begun + rest(seconds, _rate(worker).duty) - worker.clock.monotonic()) > 0:
            worker.clock.sleep(min(left, _NAP))
            worker.check()

    def halve(self, worker: Worker, piece: Slice) -> bool:
        """Take half as much from now on; False where nothing is left to halve."""
        pace = self._pace(worker, piece)
        self._paces(piece).learn(piece.step, pace.halved())
        return pace.whole > 1

    def _paces(self, piece: Slice) -> Paces:
        return self._by_block if piece.keys is None else self._by_key

    def _pace(self, worker: Worker, piece: Slice) -> Pace:
        return self._paces(piece).of(piece.step, _rate(worker).target)


def _rate(worker: Worker) -> Rate:
    return rate_of(worker.settings, worker.plan.filling, worker.run.heart.rate)
