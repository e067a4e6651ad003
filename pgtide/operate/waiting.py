"""All that a migration waits for, by whatever: people, the clock, a release, a run, a lock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pgtide.ledger import phases
from pgtide.ledger.control import held
from pgtide.ledger.delays import delay, running
from pgtide.ledger.hours import shown
from pgtide.ledger.record import Record
from pgtide.ledger.throttled import Throttled
from pgtide.model.state import RUNNING, UNDOING, State
from pgtide.model.throttle import awaited
from pgtide.operate.gates import GateStatus, in_words
from pgtide.operate.worker import Worker
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One of the things that a migration waits for; `until` is when it ends, where that is known.

    `kind` is `hold`, `run`, `throttle`, `lock`, `gate`, `release`, `soak`, `retention` or `window`.
    """

    kind: str
    text: str
    until: datetime | None = None


def conditions(session: Session, record: Record, gate: GateStatus | None) -> Iterator[Wait]:
    """Yield what must come before a migration may go on, in the order to bring it about."""
    hold = held(session, record.id)
    # An undo goes on under a hold, which keeps everybody else away.
    if hold is not None and record.state not in UNDOING | {State.COMPLETED}:
        yield Wait(kind="hold", text=str(hold))
    if gate is not None:
        yield Wait(kind="gate", text=in_words(gate))
    if record.standing in {State.VERIFIED, State.CONTRACTING} and not _at_work(record):
        live = record.plan.terms.contract_release
        yield Wait(kind="release", text=f"release {live} or a later one to be live")
    one = delay(session, record)
    if one is not None and running(session, one):
        yield Wait(kind=one.name, text=str(one), until=one.ends)


def outside(
    session: Session, record: Record, worker: Worker | None, *, after: datetime | None
) -> Iterator[Wait]:
    """Yield the next opening of a window that is closed now, or will be after another wait."""
    window = record.plan.terms.window
    over = record.state in UNDOING | {State.COMPLETED, State.ROLLED_BACK}
    # Whoever is at work outside of it had a reason, or comes to its next checkpoint in a moment.
    if window is None or over or (worker is not None and worker.alive):
        return
    now = max(phases.now(session), after or datetime.min.replace(tzinfo=UTC))
    if not window.is_open(now):
        opens = window.next_opening(now)
        text = f"its window, {window}, to open at {shown(opens, window)}"
        yield Wait(kind="window", text=text, until=opens)


def obstacles(
    session: Session, record: Record, worker: Worker | None, throttled: Sequence[Throttled]
) -> Iterator[Wait]:
    """Yield what is in the way at this moment: a run at work, a signal, who holds what it wants."""
    if worker is None or not worker.alive:
        return
    if _at_work(record):
        for one in throttled:
            if one.held_since is not None:
                yield Wait(kind="throttle", text=f"{awaited(one.signal)}: {one.reason}")
        who = _blocked_by(session, record)
        if who:
            yield Wait(kind="lock", text=who)
    else:
        who = f"{worker.actor} on {worker.host} (pid {worker.pid})"
        yield Wait(kind="run", text=f"the end of the run of {who}")


def _at_work(record: Record) -> bool:
    return record.state in RUNNING.values()


def _blocked_by(session: Session, record: Record) -> str | None:
    # Between two tries at a lock nobody blocks it, yet it still waits: the audit's last line tells.
    event = session.row(_SQL["newest_event"], {"id": record.id}) or {"kind": ""}
    detail = event["detail"] if event["kind"] == "lock_waited" else {}
    who = detail.get("blockers") or [
        _blocker(row) for row in session.rows(_SQL["blocked_by"], {"id": record.id})
    ]
    awaited = detail.get("awaited", "a lock")
    return f"{awaited} on {record.table}; in the way: {'; '.join(who)}" if who else None


def _blocker(row: dict[str, Any]) -> str:
    user, seconds = row["user"] or "system", row["seconds"] or 0.0
    return f"pid {row['pid']} ({user}, {row['application']}, {seconds:.0f} s: {row['query']})"


def not_before(waits: tuple[Wait, ...]) -> datetime | None:
    """Return the moment before which the next phase does not begin, if there is one."""
    return max((one.until for one in waits if one.until), default=None)
