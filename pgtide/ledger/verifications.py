"""Verdicts on a migration's rows and schema.

Each bound to the declaration and the fingerprint it was reached with.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What verification found."""

    level: str
    rows: int
    mismatches: int
    passed: bool
    problems: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedVerdict:
    """A verdict with the time it was kept."""

    verdict: Verdict
    at: datetime


def keep(
    session: Session, lease: Lease, verdict: Verdict, *, fingerprint: str, conflicts: int
) -> None:
    """Write a verdict down.

    `conflicts` is how far their counter had come before the first row was read.
    """
    session.execute(
        _SQL["record_verification"],
        {
            "id": lease.migration_id,
            "run": lease.run_id,
            "level": verdict.level,
            "rows": verdict.rows,
            "mismatches": verdict.mismatches,
            "passed": verdict.passed,
            "problems": json.dumps(verdict.problems, ensure_ascii=False),
            "fingerprint": fingerprint,
            "conflicts": conflicts,
            "seconds": verdict.seconds,
        },
        doing="writing the verdict down",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The newest verdict with what it is bound to: declaration, fingerprint, contradictions."""

    id: int
    passed: bool
    checksum: str
    fingerprint: str
    conflicts: int
    at: datetime


def proof(session: Session, migration_id: str) -> Proof | None:
    """Return what the newest verdict is bound to, if there is one."""
    row = session.row(_SQL["proof"], {"id": migration_id})
    return Proof(**row) if row else None


def carry_over(session: Session, lease: Lease, *, fingerprint: str) -> None:
    """Bind the newest verdict to another fingerprint, where pgtide's own step changed it."""
    where = {"id": lease.migration_id, "run": lease.run_id, "fingerprint": fingerprint}
    session.execute(_SQL["carry_verdict"], where, doing="carrying the verdict over")


def newest(session: Session, migration_id: str) -> DatedVerdict | None:
    """Return the newest verdict on a migration, if there is one."""
    row = session.row(_SQL["last_verification"], {"id": migration_id})
    if row is None:
        return None
    values = {k: v for k, v in row.items() if k not in {"at", "problems"}}
    return DatedVerdict(
        verdict=Verdict(**values, problems=tuple(json.loads(row["problems"]))), at=row["at"]
    )
