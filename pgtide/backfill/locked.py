"""What others keep locked: a worker that meets it says who they are, and tries until it is free.

A batch lets go of its own rows before each try, so that nobody waits for longer than one try.
"""

from contextlib import suppress
from typing import Final, Self

from pgtide.backfill.mishaps import Locked
from pgtide.backfill.throttle.reading import Held
from pgtide.errors import LockNotAcquired, PgtideError
from pgtide.events import ThrottleEnded, ThrottleHeld
from pgtide.ledger import throttled
from pgtide.ledger.slices import Kind, Slice
from pgtide.ledger.worker import Worker, purpose
from pgtide.model.amount import say_seconds
from pgtide.model.throttle import LOCKS
from pgtide.postgres.activity import Blocker, keepers

# Some seconds with their pauses: an application that keeps rows for a moment is no news.
UNTOLD: Final = 8
# Between two tries, on average half of it: what is locked for long needs no haste.
_PAUSE: Final = 5.0
_STEP: Final = 0.2
_NAMED: Final = 3


class LockedOut:
    """Hold one worker back while others keep what its batch needs."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._since: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._since is not None:
            with suppress(PgtideError):
                throttled.end(self._worker.session, self._worker.lease, LOCKS)

    def patience(self, piece: Slice) -> int | None:
        """Return how often a batch is tried before it is told; None: as often as it may be."""
        if self._ends(piece):
            return None
        return UNTOLD if self._since is None else 1

    def met(self, piece: Slice, met: Locked) -> None:
        """Say who is in the way and wait a while; raises what ends the run meanwhile.

        An undo, or a run whose settings switch this hold off, ends at once in LockNotAcquired.
        """
        now = self._worker.clock.monotonic()
        since = now - met.seconds if self._since is None else self._since
        found = self._keepers(piece, since=now - since)
        if self._ends(piece):
            raise _given_up(self._worker, met, found)
        why = Held(reason=_reason(self._worker, found), value=now - since)
        if self._since is None:
            self._since = since
            held = ThrottleHeld(signal=LOCKS, reason=why.reason, value=why.value, limit=None)
            self._worker.emit(held)
        # Best effort, as all that is only told: the next try finds what became of the session.
        with suppress(PgtideError):
            throttled.hold(self._worker.session, self._worker.lease, LOCKS, why)
        self._wait()

    def passed(self) -> None:
        """Go on: a batch got through."""
        if self._since is None:
            return
        seconds = self._worker.clock.monotonic() - self._since
        self._since = None
        self._worker.emit(ThrottleEnded(signal=LOCKS, seconds=seconds))
        with suppress(PgtideError):
            throttled.end(self._worker.session, self._worker.lease, LOCKS, seconds=seconds)

    def _ends(self, piece: Slice) -> bool:
        # Whoever undoes wants the old shape back now.
        return piece.kind is Kind.ARCHIVE or LOCKS in self._worker.settings.throttle_off

    def _keepers(self, piece: Slice, *, since: float) -> list[Blocker]:
        ours = f"pgtide {purpose(self._worker.lease)}"
        try:
            found = keepers(self._worker.session, piece.leaf)
        except PgtideError:
            return []
        # Whoever has kept it from the first try on had begun before, as far as is known.
        others = (one for one in found if not one.application.startswith(ours))
        return [one for one in others if one.seconds is None or one.seconds > since]

    def _wait(self) -> None:
        clock = self._worker.clock
        until = clock.monotonic() + _PAUSE * clock.chance()
        while (left := until - clock.monotonic()) > 0:
            self._worker.check()
            clock.sleep(min(left, _STEP))


def _reason(worker: Worker, found: list[Blocker]) -> str:
    if not found:
        return (
            f"rows of {worker.plan.table} are locked by one transaction after another, or what its"
            " triggers write is"
        )
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    names = "; ".join(one.abroad for one in found[:_NAMED])
    return f"{worker.plan.table}, or rows of it, may be locked by {names}{more}"


def _given_up(worker: Worker, met: Locked, found: list[Blocker]) -> LockNotAcquired:
    said = f"A batch met a lock at each of {met.tries} tries in {say_seconds(met.seconds)}:"
    return LockNotAcquired(
        f"{said} {_reason(worker, found)}.",
        state="It was rolled back each time; the batches before it are committed.",
        remedy="End what is in the way or wait for it, then run the command again.",
        abroad=f"{said} {_reason(worker, found)}.",
    )
