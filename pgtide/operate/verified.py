"""What the last verification said, and whether that holds still."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pgtide.ledger.proof import withdrawn
from pgtide.ledger.record import Record
from pgtide.ledger.verifications import newest
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("status")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationStatus:
    """The last verification of the present attempt.

    `withdrawn` says why one that passed counts no more; None where it does, or never passed.
    """

    level: str
    passed: bool
    rows: int
    mismatches: int
    problems: tuple[str, ...]
    at: datetime
    withdrawn: str | None


def verification_of(session: Session, record: Record) -> VerificationStatus | None:
    """Return the last verification of the present attempt, if there is one."""
    last = newest(session, record.id)
    began: datetime | None = session.value(_SQL["attempt_began"], {"id": record.id})
    if last is None or began is None or last.at < began:
        return None
    verdict = last.verdict
    return VerificationStatus(
        level=verdict.level,
        passed=verdict.passed,
        rows=verdict.rows,
        mismatches=verdict.mismatches,
        problems=verdict.problems,
        at=last.at,
        withdrawn=withdrawn(session, record) if verdict.passed else None,
    )


def voided(seen: VerificationStatus | None) -> str | None:
    """Say why a verification that had passed counts no more; None where none is withdrawn."""
    return seen.withdrawn if seen else None
