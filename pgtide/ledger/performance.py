"""The ledger's memory of how long declared queries took, and by which plan."""

from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.ledger.record import Record
from pgtide.model.performance import Measurement, Moment
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("performance")


def keep(session: Session, lease: Lease, one: Measurement) -> None:
    """Write a measurement down."""
    session.execute(
        _SQL["record_measurement"],
        {
            "id": lease.migration_id,
            "attempt": lease.attempt,
            "ordinal": one.ordinal,
            "moment": one.moment,
            "query": one.query,
            "max_ms": one.max_ms,
            "median_ms": one.median_ms,
            "scans": one.scans,
            "blocks": one.blocks,
            "plan": one.plan,
        },
        doing="writing a measurement down",
    )


def measured(session: Session, record: Record) -> list[Measurement]:
    """Return the newest measurement of each query and moment of the present attempt, in time."""
    if not session.value(_SQL["performance_there"]):
        return []
    rows = session.rows(_SQL["measurements"], {"id": record.id, "attempt": record.attempt})
    return [Measurement(**{**row, "moment": Moment(row["moment"])}) for row in rows]
