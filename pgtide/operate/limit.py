"""How long a statement of a plan may wait and run, in numbers and in words."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pgtide.backfill.batch import ROW_LOCK_WAIT, STATEMENT_LIMIT
from pgtide.postgres.locks import LockPolicy
from pgtide.settings import Settings

# What every session has that says nothing else: pgtide.postgres.session.
_READ_LOCK_WAIT: Final = timedelta(seconds=5)
_READ_LIMIT: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How long a statement may wait and run; None is no limit. Milliseconds.

    `lock_tries` counts the tries, each of which waits `lock_wait_ms`; the pauses between them keep
    nobody waiting and add up to `pauses_ms` at most.
    """

    lock_wait_ms: int | None
    lock_tries: int | None
    pauses_ms: int | None
    statement_ms: int | None
    text: str


def short(settings: Settings) -> Limit:
    """Return the limit of a short transaction that waits for a strong lock."""
    policy = LockPolicy(wait=settings.lock_wait, tries=settings.lock_tries)
    wait, hold = milliseconds(policy.wait), milliseconds(policy.hold)
    pauses = sum(policy.pause(attempt, 1.0) for attempt in range(1, policy.tries))
    return Limit(
        lock_wait_ms=wait,
        lock_tries=policy.tries,
        pauses_ms=round(pauses * 1000),
        statement_ms=hold,
        text=(
            f"{wait} ms for its lock, at most {policy.tries} tries with pauses; then at most "
            f"{hold // 1000} s"
        ),
    )


def one_batch() -> Limit:
    """Return the limit of a batch of the backfill."""
    wait, limit = milliseconds(ROW_LOCK_WAIT), milliseconds(STATEMENT_LIMIT)
    return Limit(
        lock_wait_ms=wait,
        lock_tries=None,
        pauses_ms=None,
        statement_ms=limit,
        text=f"{wait} ms for a row, then it tries again; then at most {limit // 1000} s a batch",
    )


def unlimited() -> Limit:
    """Return the limit of a statement that keeps nobody waiting: none."""
    return Limit(
        lock_wait_ms=None,
        lock_tries=None,
        pauses_ms=None,
        statement_ms=None,
        text="none: it keeps no reader or writer waiting, and a stop or a hold cancels it",
    )


def reading() -> Limit:
    """Return the limit of a range that verification reads."""
    return Limit(
        lock_wait_ms=milliseconds(_READ_LOCK_WAIT),
        lock_tries=None,
        pauses_ms=None,
        statement_ms=milliseconds(_READ_LIMIT),
        text=(
            f"{milliseconds(_READ_LOCK_WAIT) // 1000} s for its lock; then at most "
            f"{milliseconds(_READ_LIMIT) // 1000} s a range"
        ),
    )


def milliseconds(time: timedelta) -> int:
    """Return a time as a whole number of milliseconds."""
    return round(time.total_seconds() * 1000)
