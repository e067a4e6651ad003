"""What an operator wants of a migration."""

from dataclasses import dataclass
from typing import Final

from pgtide.ledger.schema import installed
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An operator's hold, with who and why."""

    by: str
    reason: str

    def __str__(self) -> str:
        return f"operator {self.by} holds it: {self.reason}"


def hold(session: Session, migration_id: str, *, by: str, reason: str) -> None:
    """Ask the running batch loop to stop, and later runs not to start."""
    session.execute(
        _SQL["set_hold"], {"id": migration_id, "hold": True, "by": by, "reason": reason}
    )


def release(session: Session, migration_id: str, *, by: str) -> None:
    """End a hold."""
    session.execute(_SQL["set_hold"], {"id": migration_id, "hold": False, "by": by, "reason": None})


def held(session: Session, migration_id: str) -> Hold | None:
    """Return the hold on a migration, if there is one."""
    if not installed(session):
        return None
    row = session.row(_SQL["control"], {"id": migration_id})
    return Hold(by=row["by"], reason=row["reason"]) if row and row["hold"] else None
