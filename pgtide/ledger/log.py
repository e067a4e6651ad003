"""The strategy's migration_log.

One row per passage of a migration, kept true under the strategy's own names.
"""

from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.ledger.record import Record
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")

RUNNING: Final = "RUNNING"
SUCCESS: Final = "SUCCESS"
FAILED: Final = "FAILED"
ROLLED_BACK: Final = "ROLLED_BACK"
ROLLBACK_FAILED: Final = "ROLLBACK_FAILED"


def start(session: Session, lease: Lease, record: Record, *, log_schema: str) -> None:
    """Begin the row of this passage, or set it to RUNNING again."""
    if record.log_id is not None:
        status(session, record, RUNNING, log_schema=log_schema)
        return
    params = {"version": record.version, "description": record.description}
    log_id = session.value(_in(log_schema, "log_start"), params, doing="beginning the log row")
    session.execute(_SQL["set_log"], {"id": lease.migration_id, "log": log_id})


def complete(session: Session, record: Record, *, rows: int, log_schema: str) -> None:
    """Set the row to SUCCESS, with the rows that were filled."""
    session.rows(_in(log_schema, "log_complete"), {"log_id": record.log_id, "rows": rows})


def status(
    session: Session,
    record: Record,
    value: str,
    *,
    log_schema: str,
    error: str | None = None,
    available: bool | None = None,
) -> None:
    """Set the row's status, and whether a rollback is available where that changes."""
    params = {"log_id": record.log_id, "status": value, "error": error, "available": available}
    session.execute(_in(log_schema, "log_status"), params, doing="keeping the log row true")


def settle(session: Session, record: Record, *, log_schema: str) -> None:
    """Set the row to SUCCESS again, where a later phase had failed before it was done."""
    session.execute(_in(log_schema, "log_settle"), {"log_id": record.log_id})


def give_up(session: Session, record: Record, *, log_schema: str) -> None:
    """Note that there is no way back any more."""
    session.execute(_in(log_schema, "log_give_up"), {"log_id": record.log_id})


def _in(log_schema: str, query: str) -> str:
    return _SQL[query].replace("{log}", ident(log_schema))
