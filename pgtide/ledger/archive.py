"""The archive: values that the old shape cannot hold, by the keys of their rows."""

from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


def forget(session: Session, lease: Lease) -> None:
    """Remove what this attempt has archived, to start over; the values are still in the table."""
    where = {"id": lease.migration_id, "attempt": lease.attempt}
    session.execute(_SQL["forget"], where, doing="emptying the archive")


def forget_empty(session: Session, lease: Lease) -> None:
    """Remove the entries of rows that were deleted, or emptied, while they were archived."""
    where = {"id": lease.migration_id, "attempt": lease.attempt}
    session.execute(_SQL["forget_empty"], where, doing="tidying the archive")
