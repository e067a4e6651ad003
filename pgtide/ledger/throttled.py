"""What holds a backfill back by itself: why, since when, and for how long in all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from pgtide.ledger import audit
from pgtide.ledger.lease import Lease
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("throttle")


class Reason(Protocol):
    """Why a signal holds."""

    @property
    def reason(self) -> str:
        """Return it in a sentence."""
        ...

    @property
    def value(self) -> float | None:
        """Return what was measured."""
        ...

    @property
    def limit(self) -> float | None:
        """Return what it may be."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """What one signal has cost the present attempt; `held_since` None: it does not hold now."""

    signal: str
    seconds: float
    holds: int
    reason: str
    value: float | None
    limit: float | None
    held_since: datetime | None


def begin(session: Session, lease: Lease) -> None:
    """Forget the holds of a process that was killed."""
    session.execute(_SQL["forget_holds"], _where(lease))


def forget(session: Session, lease: Lease) -> None:
    """Forget all holds: nobody is at work on the migration."""
    session.execute(_SQL["forget_all_holds"], _where(lease))


def keep_base(session: Session, lease: Lease) -> None:
    """Remember the size that growth is counted from, unless the attempt has one."""
    session.execute(_SQL["keep_base"], _where(lease))


def hold(session: Session, lease: Lease, signal: str, why: Reason) -> None:
    """Note that a signal holds, again with each look; its beginning goes to the audit."""
    shown = {"reason": why.reason, "value": why.value, "limit": why.limit}
    noted = session.row(
        _SQL["begin_hold"], {**_where(lease), "token": lease.token, "signal": signal, **shown}
    )
    if noted is not None and noted["begun"]:
        audit.note(session, lease, "throttled", signal=signal, **shown)


def end(session: Session, lease: Lease, signal: str, *, seconds: float | None = None) -> None:
    """Note that a signal holds no more; None: the process ends while it does."""
    there = session.row(_SQL["end_hold"], {**_where(lease), "token": lease.token, "signal": signal})
    if there is not None and seconds is not None:
        audit.note(session, lease, "throttle_ended", signal=signal, seconds=round(seconds, 1))


def read(session: Session, migration_id: str, *, fresh: float) -> list[Throttled]:
    """Return what has held the present attempt back, the dearest first.

    A hold that nobody has noted for `fresh` seconds holds nobody.
    """
    if session.value(_SQL["kept"]) is None:
        return []
    rows = session.rows(_SQL["throttled"], {"id": migration_id, "lease": fresh})
    return [Throttled(**row) for row in rows]


def _where(lease: Lease) -> dict[str, object]:
    return {"id": lease.migration_id, "attempt": lease.attempt}
