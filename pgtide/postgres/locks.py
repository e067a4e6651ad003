"""How a strong lock is asked for.

Short tries with pauses, so that the application never queues for long.

A waiting ACCESS EXCLUSIVE blocks every later request on the table (trap 1). Each try therefore
waits a moment only, gives the queue free, and comes back after a pause of full jitter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pgtide.clock import Clock
from pgtide.errors import LockNotAcquired
from pgtide.postgres.activity import Blocker, blockers, cancel_autovacuum, may_set_deadlock_timeout
from pgtide.postgres.faults import LOCK_TIMEOUT, Transient
from pgtide.postgres.referenced import Referenced
from pgtide.postgres.session import Session

# Autovacuum yields once the waiter's deadlock_timeout has passed: measured 21 ms with 20 ms
# (experiment 3).
_DEADLOCK: Final = "20ms"
# Longer than the server's default deadlock_timeout of 1 s: only where autovacuum can be moved in no
# other way.
_LONG_RUNG: Final = timedelta(milliseconds=1200)
_MOST_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPolicy:
    """How long one try waits, how often it tries, and how the pauses grow.

    30 tries are about two minutes.
    """

    wait: timedelta = timedelta(milliseconds=150)
    tries: int = 30
    first_pause: timedelta = timedelta(milliseconds=250)
    longest_pause: timedelta = timedelta(seconds=10)
    hold: timedelta = timedelta(seconds=10)

    @property
    def patience(self) -> float:
        """Return the seconds that all tries and pauses take at most."""
        pauses = sum(self.pause(attempt, 1.0) for attempt in range(1, self.tries))
        return self.tries * self.wait.total_seconds() + pauses

    def pause(self, attempt: int, chance: float) -> float:
        """Return the pause in seconds after an attempt (from 1).

        Full jitter over a doubling, bounded range.
        """
        # Bounded before it is multiplied: a hundredth doubling is longer than any duration.
        doublings = min(attempt - 1, _MOST_DOUBLINGS)
        ceiling = min(self.longest_pause, self.first_pause * float(2**doublings))
        return ceiling.total_seconds() * chance


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTry:
    """One failed try at a lock, or at what else `awaited` says, with who was in the way."""

    attempt: int
    tries: int
    blockers: tuple[Blocker, ...]
    awaited: str = "a lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How a strong lock was got: tries, and seconds from the first try to the commit."""

    attempts: int
    seconds: float


def patiently(
    session: Session,
    oid: int,
    work: Callable[[Session], None],
    *,
    policy: LockPolicy,
    clock: Clock,
    on_wait: Callable[[LockTry], None],
    beside: Sequence[Referenced] = (),
) -> Held:
    """Run work in a transaction of its own, trying until its locks are granted.

    `beside` are the tables that it locks besides this one. Raises LockNotAcquired.
    """
    begun = clock.monotonic()
    yields = may_set_deadlock_timeout(session)
    settings = {"deadlock_timeout": _DEADLOCK} if yields else {}
    wait = policy.wait
    found: list[Blocker] = []
    for attempt in range(1, policy.tries + 1):
        try:
            with session.transaction(
                lock_timeout=wait, statement_timeout=policy.hold, settings=settings
            ):
                work(session)
        except Transient as error:
            if error.sqlstate not in LOCK_TIMEOUT:
                raise
            found = blockers(session, oid, beside)
            on_wait(LockTry(attempt=attempt, tries=policy.tries, blockers=tuple(found)))
            stuck = not yields and any(one.autovacuum for one in found)
            wait = _LONG_RUNG if stuck and not cancel_autovacuum(session, found) else policy.wait
            if attempt < policy.tries:
                clock.sleep(policy.pause(attempt, clock.chance()))
        else:
            return Held(attempts=attempt, seconds=clock.monotonic() - begun)
    raise _given_up(beside, found, policy.tries, clock.monotonic() - begun)


def _given_up(
    beside: Sequence[Referenced], found: list[Blocker], tries: int, seconds: float
) -> LockNotAcquired:
    what = " and ".join(("the table", *(one.name for one in beside)))
    said = f"No lock on {what} after {tries} tries in {seconds:.0f} s. In the way:"
    gone = "a session that has ended meanwhile"
    return LockNotAcquired(
        f"{said} {'; '.join(str(one) for one in found) or gone}.",
        state="This step changed nothing; the steps before it are kept.",
        remedy="End what is in the way or wait for it, then run `pgtide up` again.",
        abroad=f"{said} {'; '.join(one.abroad for one in found) or gone}.",
    )
