"""What people decided on a migration's gates, and what that comes to now."""

from datetime import datetime
from typing import Final

from pgtide.ledger.fingerprint import but_for_leaves
from pgtide.ledger.record import Record
from pgtide.model.gate import Approval, Checked, Decision, Gate, Ground, decide
from pgtide.postgres.session import Session
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("approvals")


def there(session: Session) -> bool:
    """Tell whether this ledger has approvals: one of an older pgtide has not."""
    return bool(session.value(_SQL["there"]))


def form_open(session: Session, migration_id: str, gate: Gate) -> bool:
    """Tell whether a run has put a gate's question in its form, and nobody has decided since."""
    return bool(session.value(_SQL["form_open"], {"id": migration_id, "gate": gate}))


def keep(
    session: Session,
    record: Record,
    gate: Gate,
    *,
    approved: bool,
    actor: str,
    typed_by: str,
    account: str,
    reason: str,
    verification_id: int | None,
    mended: int | None,
) -> None:
    """Write a decision down, on the migration as the record has it."""
    session.execute(
        _SQL["keep"],
        {
            "id": record.id,
            "attempt": record.attempt,
            "checksum": record.checksum,
            "gate": gate,
            "approved": approved,
            "actor": actor,
            "typed_by": typed_by,
            "account": account,
            "reason": reason,
            "verification_id": verification_id,
            "mended": mended,
        },
        doing="writing the decision down",
    )


def newest(session: Session, migration_id: str, gate: Gate) -> Approval | None:
    """Return the newest decision on a gate, if there is one."""
    if not there(session):
        return None
    row = session.row(_SQL["newest"], {"id": migration_id, "gate": gate})
    return Approval(**{**row, "gate": Gate(row["gate"])}) if row else None


def decision(session: Session, record: Record, gate: Gate, settings: Settings) -> Decision:
    """Return what the newest decision on a gate comes to now."""
    given = newest(session, record.id, gate)
    return decide(gate, given, _ground(session, record, given, settings))


def verified_by(session: Session, migration_id: str) -> Checked | None:
    """Return the newest verification, as far as decisions depend on it."""
    row = session.row(_SQL["newest_verification"], {"id": migration_id})
    return Checked(**row) if row else None


def starters(
    session: Session, migration_id: str, *, before: datetime | None = None
) -> frozenset[str]:
    """Return who had started the present attempt by then."""
    rows = session.rows(_SQL["starters"], {"id": migration_id, "before": before})
    return frozenset(row["actor"] for row in rows)


def _ground(session: Session, record: Record, given: Approval | None, settings: Settings) -> Ground:
    if given is None:
        return Ground(attempt=record.attempt, checksum=record.checksum)
    where = {"id": record.id, "first": given.verification_id}
    bound = given.verification_id is not None
    seen = session.rows(_SQL["verifications_since"], where) if bound else []
    return Ground(
        attempt=record.attempt,
        checksum=record.checksum,
        # Partitions come and go every day: that is nothing to be asked about again.
        verifications=tuple(
            Checked(**{**row, "fingerprint": but_for_leaves(row["fingerprint"])}) for row in seen
        ),
        undone_at=session.value(_SQL["undone_at"], {"id": record.id}),
        # Who approves may carry it out too: what they did after it does not count.
        starters=starters(session, record.id, before=given.at) if settings.four_eyes else None,
    )
