"""What a gate asks now, with a mark that changes once anything was decided on it.

Whoever has put the question to a person and waits for the answer compares marks: another one, or no
question any more, and it need not wait longer.
"""

from dataclasses import dataclass

from pgtide.ledger.approvals import newest
from pgtide.ledger.audit import note_by
from pgtide.ledger.record import Record, find
from pgtide.model.gate import Gate
from pgtide.operate.backups import BackupStatus, newest_backup
from pgtide.operate.gates import GateStatus, gates, waiting_at
from pgtide.operate.purge import losses
from pgtide.operate.verified import VerificationStatus, verification_of, voided
from pgtide.postgres.session import Session
from pgtide.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A gate that waits for a person, and what they decide on."""

    record: Record
    gate: GateStatus
    mark: str
    verification: VerificationStatus | None
    backup: BackupStatus | None
    # What goes for good with a yes.
    losses: tuple[str, ...]


def question(session: Session, settings: Settings, migration_id: str) -> Question | None:
    """Return what a migration asks of a person now; None where no gate is in its way.

    None too where the ledger does not know it.
    """
    record = find(session, migration_id)
    if record is None:
        return None
    verification = verification_of(session, record)
    # The page shows the verdict that the gate rests on.
    gate = waiting_at(record, gates(session, record, settings, void=voided(verification)))
    if gate is None:
        return None
    return Question(
        record=record,
        gate=gate,
        mark=_mark(session, record, Gate(gate.gate)),
        verification=verification,
        backup=newest_backup(session, record.id),
        losses=tuple(losses(record.plan)) if gate.gate == Gate.READS_SWITCHED else (),
    )


def note_asked(session: Session, asked: Question, actor: str, *, flow_run: str) -> None:
    """Write down that a run asks in its form, and waits for the answer."""
    detail = {"gate": asked.gate.gate, "attempt": asked.record.attempt, "flow_run": flow_run}
    note_by(session, asked.record.id, actor, "asked", **detail)


def _mark(session: Session, record: Record, gate: Gate) -> str:
    """Return letters, digits and dashes."""
    last = newest(session, record.id, gate)
    decided = f"{last.at:%Y%m%d%H%M%S%f}" if last else "0"
    return f"{gate.replace('_', '-')}-{record.attempt}-{decided}"
