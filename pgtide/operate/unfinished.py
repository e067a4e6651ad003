"""What is left of migrations that have begun: which of them can go on, and why the others cannot.

A migration that came to where its last run was to go is not unfinished: somebody wanted it to stop
there.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pgtide.ledger.control import held
from pgtide.ledger.record import Record
from pgtide.model.route import next_phase
from pgtide.model.state import RUNNING, State
from pgtide.operate.status import MigrationStatus, status_of
from pgtide.postgres.session import Session
from pgtide.settings import Settings
from pgtide.sql import queries

_LEDGER: Final = queries("ledger")
_OVER: Final = frozenset({State.ROLLED_BACK, State.COMPLETED})
_ASIDE: Final = frozenset({State.PAUSED, State.FAILED, State.ROLLBACK_FAILED, *RUNNING.values()})
# Ends that nobody has decided on, and that say nothing against another try: the process died, the
# database was away, what was waited for may have come.
_CUT_OFF: Final = MappingProxyType(
    {
        None: "its process died",
        "lost": "its process died",
        "connection_lost": "the database was away",
        "fenced": "it was taken over",
        "waiting": "it waited for an approval",
        "paused": "it was paused",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A migration that is unfinished, and why; `by_itself`: nobody has stopped it, nor did it fail.

    `waits`: what must come first; None where it can go on. `held`: by an operator, and no more.
    """

    id: str
    version: str
    why: str
    by_itself: bool
    waits: str | None
    held: bool


def unfinished(session: Session, settings: Settings, record: Record) -> Unfinished | None:
    """Return what is left of a migration; None where it is at work, or nothing is."""
    status = status_of(session, settings, record)
    if record.state in _OVER or (status.worker is not None and status.worker.alive):
        return None
    found = session.row(_LEDGER["newest_outcome"], {"id": record.id})
    outcome = found["outcome"] if found else None
    if outcome == "ended" and record.state not in _ASIDE:
        return None
    phase = next_phase(record.state, resume_to=record.resume_to, sweep_due=record.sweep_due)
    if phase is None and record.state not in _ASIDE:
        return None
    others = [one.text for one in status.waiting_for if one.kind != "hold"]
    return Unfinished(
        id=record.id,
        version=record.version,
        why=_why(record, outcome),
        by_itself=record.state is not State.FAILED and outcome in _CUT_OFF,
        waits="; ".join(others) or (_for_a_person(status) if phase is None else None),
        held=held(session, record.id) is not None,
    )


def _why(record: Record, outcome: str | None) -> str:
    if record.state is State.FAILED:
        return f"failed: {record.last_error}"
    return _CUT_OFF.get(outcome, f"its run ended as {outcome}")


def _for_a_person(status: MigrationStatus) -> str:
    # Contract, purge and undo ask for what only a person knows.
    return f"a person. {status.next}"
