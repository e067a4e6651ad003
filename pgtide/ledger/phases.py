"""When each phase of a migration began and ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.model.route import WHOLE
from pgtide.model.state import Phase
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """A phase of the present attempt; seconds run on while it does."""

    phase: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    seconds: float
    rows: int | None


def begin(session: Session, lease: Lease, phase: Phase) -> None:
    """Note that a phase began, or goes on; what was done after it is to be done again."""
    session.execute(_SQL["begin_phase"], _where(lease, phase))
    _forget(session, lease, _after(phase))


def end(
    session: Session, lease: Lease, phase: Phase, state: str, *, rows: int | None = None
) -> None:
    """Note how a phase ended: done, failed or paused."""
    session.execute(_SQL["end_phase"], {**_where(lease, phase), "state": state, "rows": rows})


def read(session: Session, migration_id: str) -> list[PhaseRecord]:
    """Return the phases of the present attempt in the order they began."""
    return [PhaseRecord(**row) for row in session.rows(_SQL["phases"], {"id": migration_id})]


def forget(session: Session, lease: Lease, phase: Phase) -> None:
    """Forget a phase that was taken back, and what came after it: they are to come again."""
    _forget(session, lease, (phase, *_after(phase)))


def done_at(session: Session, migration_id: str, phase: Phase) -> datetime | None:
    """Return when a phase of the present attempt was done."""
    found: datetime | None = session.value(
        _SQL["phase_ended"], {"id": migration_id, "phase": phase}
    )
    return found


def now(session: Session) -> datetime:
    """Return the database's time, by which all waiting goes."""
    found: datetime = session.value(_SQL["now"])
    return found


def _after(phase: Phase) -> tuple[Phase, ...]:
    return WHOLE[WHOLE.index(phase) + 1 :] if phase in WHOLE else ()


def _forget(session: Session, lease: Lease, forgotten: tuple[Phase, ...]) -> None:
    if forgotten:
        where = {"id": lease.migration_id, "attempt": lease.attempt, "phases": list(forgotten)}
        session.execute(_SQL["forget_phases"], where)


def _where(lease: Lease, phase: Phase) -> dict[str, object]:
    return {"id": lease.migration_id, "attempt": lease.attempt, "phase": phase}
