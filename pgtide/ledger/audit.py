"""The audit: one line for everything that was done, wanted or refused.

The database refuses to change one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.ledger.schema import installed
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the audit."""

    at: datetime
    migration_id: str | None
    actor: str
    kind: str
    detail: Mapping[str, object]


def note(session: Session, lease: Lease, kind: str, **detail: object) -> None:
    """Add a line in the name of a run."""
    who = {"id": lease.migration_id, "run": lease.run_id, "actor": lease.actor}
    _write(session, who, kind, detail)


def note_by(session: Session, migration_id: str, actor: str, kind: str, **detail: object) -> None:
    """Add a line in the name of a person, without a run."""
    _write(session, {"id": migration_id, "run": None, "actor": actor}, kind, detail)


def history(session: Session, migration_id: str | None = None) -> list[Entry]:
    """Return the audit, oldest first."""
    if not installed(session):
        return []
    return [Entry(**row) for row in session.rows(_SQL["events"], {"id": migration_id})]


def _write(
    session: Session, who: Mapping[str, object], kind: str, detail: Mapping[str, object]
) -> None:
    text = json.dumps(detail, default=str, ensure_ascii=False)
    session.execute(
        _SQL["record_event"], {**who, "kind": kind, "detail": text}, doing="writing the audit"
    )
