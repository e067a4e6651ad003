"""What others hang on the columns of a migration, as the ledger noted it and as it is now."""

from collections.abc import Sequence
from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("hanging")


def keep(session: Session, lease: Lease, step: str) -> None:
    """Note what hangs on the columns whose names contract has just swapped."""
    where = {"id": lease.migration_id, "attempt": lease.attempt, "name": step}
    session.execute(_SQL["keep"], where, doing="noting what hangs on the columns")


def touched(session: Session, migration_id: str) -> list[str]:
    """Return what was dropped or changed since contract, with the definition that it had."""
    return _lines(session, "touched", id=migration_id)


def obstacles(session: Session, migration_id: str, *, whole: bool) -> list[str]:
    """Return what came since and is in the way of an undo: of contract, or of the whole."""
    return _lines(session, "obstacles", id=migration_id, whole=whole)


def along(session: Session, migration_id: str) -> list[str]:
    """Return what of others' would go with the new columns, with its definition."""
    return _lines(session, "along", id=migration_id)


def on_columns(session: Session, migration_id: str, columns: Sequence[str]) -> list[str]:
    """Return what others have hung on columns, with its definition."""
    return _lines(session, "on_columns", id=migration_id, columns=list(columns))


def _lines(session: Session, query: str, **where: object) -> list[str]:
    # Who only asks does not bring a ledger up to date.
    if not session.value(_SQL["known"]):
        return []
    return [row["line"] for row in session.rows(_SQL[query], where)]
