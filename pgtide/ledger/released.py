"""How many writes since contract have given up the way back."""

from typing import Final

from pgtide.ledger.record import Record
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


def released(session: Session, record: Record) -> int:
    """Return how many writes the old shape could not hold, and that passed nevertheless."""
    sequence = ident("pgtide", f"m_{record.plan.tag}_released")
    return int(session.value(_SQL["released"], {"sequence": sequence}))
