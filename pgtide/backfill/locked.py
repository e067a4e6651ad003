"""What others keep locked: a worker that meets it says who they are, and tries until it is free.

A batch lets go of its own rows before each try, so that nobody waits for longer than one try.
"""

from types import TracebackType
from typing import Final, Self

from pgtide.backfill.linger import back_off
from pgtide.backfill.lock_hold import LockHold
from pgtide.backfill.mishaps import Locked, Rewritten, Taken
from pgtide.errors import LockNotAcquired, PgtideError
from pgtide.events import BatchRetried
from pgtide.ledger.slices import Kind, Slice
from pgtide.ledger.worker import Worker, session_name
from pgtide.model.amount import say_seconds
from pgtide.model.throttle import LOCKS
from pgtide.postgres.activity import Blocker, keepers

# Some seconds with their pauses: an application that keeps rows for a moment is no news.
UNTOLD: Final = 8
# A transaction that is older has kept what it has for as long; younger ones come and go.
_LONG: Final = 5.0
_NAMED: Final = 3


class LockedOut:
    """Hold one worker, in one slice, while others keep what its batch needs.

    At the first visit the slice is left for others; whoever comes back to it stays.
    """

    def __init__(self, worker: Worker, piece: Slice, hold: LockHold) -> None:
        self._worker = worker
        self._piece = piece
        self._hold = hold
        self._since = hold.left.get(piece.id)
        self._stays = self._known = self._since is not None
        self._tries = 0
        self._told = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._free(ends=kind is not None and not issubclass(kind, Rewritten | Taken))

    def met(self, met: Locked) -> bool:
        """Wait a while before the next try; False where it is time to go on elsewhere.

        Whoever stays says who is in the way. An undo, or a run whose settings switch this hold off,
        ends in LockNotAcquired after all its tries.
        """
        if self._since is None:
            self._since = self._worker.clock.monotonic()
        self._tries += 1
        if self._ends and self._tries >= self._worker.settings.batch_retries:
            raise self._given_up()
        if self._ends or (self._tries < UNTOLD and not self._known):
            retried = BatchRetried(slice_id=self._piece.id, attempt=self._tries, reason=met.reason)
            self._worker.emit(retried)
        elif self._stays:
            self._tell()
        else:
            self._hold.left[self._piece.id] = self._since
            return False
        back_off(self._worker, self._tries)
        return True

    def passed(self) -> None:
        """Go on: a batch got through."""
        self._tries, self._since, self._known = 0, None, False
        self._free(ends=False)

    def _free(self, *, ends: bool) -> None:
        if self._told:
            self._told = False
            self._hold.let_go(self._worker, ends=ends)

    @property
    def _ends(self) -> bool:
        # Whoever undoes wants the old shape back now.
        return self._piece.kind is Kind.ARCHIVE or LOCKS in self._worker.settings.throttle_off

    def _tell(self) -> None:
        found, self._told = self._keepers(), True
        named = [one.transaction for one in found]
        self._hold.hold(self._worker, self._reason(found), named=named, seconds=self._seconds)

    @property
    def _seconds(self) -> float:
        now = self._worker.clock.monotonic()
        return now - (now if self._since is None else self._since)

    def _keepers(self) -> list[Blocker]:
        root = self._worker.plan.table_oid
        ours = session_name(self._worker.lease)
        try:
            found = keepers(self._worker.session, self._piece.leaf, root=root)
        except PgtideError:
            return []
        others = (one for one in found if not one.application.startswith(ours))
        age = min(self._seconds, _LONG)
        return [one for one in others if one.seconds is None or one.seconds > age]

    def _reason(self, found: list[Blocker]) -> str:
        table = self._worker.plan.table
        if not found:
            return (
                f"what a batch of {table} needs is locked by one short transaction after another, "
                "or on another table, which its triggers write or its foreign keys refer to"
            )
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        names = "; ".join(one.abroad for one in found[:_NAMED])
        return f"{table}, or rows of it, may be locked by {names}{more}"

    def _given_up(self) -> LockNotAcquired:
        said = (
            f"A batch met a lock at each of {self._tries} tries in {say_seconds(self._seconds)}: "
            f"{self._reason(self._keepers())}."
        )
        return LockNotAcquired(
            said,
            state="It was rolled back each time; the batches before it are committed.",
            remedy="End what is in the way or wait for it, then run the command again.",
            abroad=said,
        )
