"""How many writes have set both shapes, to values that contradict each other."""

from typing import Final

from pgtide.model.plan import Plan
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


def conflicts(session: Session, plan: Plan) -> int | None:
    """Return how many writes contradicted themselves since expand; None where nothing counts."""
    if plan.sync is None:
        return None
    found = session.value(_SQL["conflicts"], {"sequence": ident("pgtide", plan.sync.conflicts)})
    return None if found is None else int(found)
