"""Which migrations may be purged: their retention is over, and nobody has decided yet."""

from dataclasses import dataclass

from pgtide.ledger.record import Record
from pgtide.model.gate import Gate, Verdict
from pgtide.model.state import State
from pgtide.operate.gates import gates, waiting_at
from pgtide.operate.verified import verification_of, voided
from pgtide.operate.waiting import conditions
from pgtide.postgres.session import Session
from pgtide.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A migration whose retention is over; `decided` says by whom and how, where somebody has."""

    id: str
    version: str
    decided: str | None


def due(session: Session, settings: Settings, record: Record) -> Due | None:
    """Return a migration that is due to be purged; None where it is not, or is held."""
    if record.state is not State.CONTRACTED:
        return None
    found = gates(session, record, settings, void=voided(verification_of(session, record)))
    gate = waiting_at(record, found)
    if any(one.kind != "gate" for one in conditions(session, record, gate)):
        return None
    undecided = gate is not None and gate.verdict in {Verdict.OPEN, Verdict.STALE}
    last = next(one for one in found if one.gate == Gate.READS_SWITCHED)
    return Due(id=record.id, version=record.version, decided=None if undecided else last.why)
