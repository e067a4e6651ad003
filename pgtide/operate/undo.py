"""What an undo would take away, said before it is done; and what it has kept."""

from collections.abc import Iterator
from typing import Final

from pgtide.changes.replacement import PRIVATE
from pgtide.ledger import hanging
from pgtide.model.plan import Plan
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("status")


def losses(plan: Plan) -> Iterator[str]:
    """Say what goes, what stays, and who must be gone before."""
    columns = [name for name, _ in plan.expected.columns]
    if columns:
        yield f"- {plan.table} loses {', '.join(columns)}; the old columns keep every write."
    if plan.archive is not None:
        yield "- Values that the old shape lacks are kept in pgtide.archive."
    shared = [name for name in columns if not name.startswith(PRIVATE)]
    if shared:
        yield f"- A release that uses {', '.join(shared)} fails from then on: it must be gone."


def along(session: Session, migration_id: str) -> Iterator[str]:
    """Say what others have hung on the columns that go, and how to make it again."""
    for line in hanging.along(session, migration_id):
        yield f"- With its column goes {line}"


def contract_losses(plan: Plan) -> Iterator[str]:
    """Say what an undo of contract changes, and who must be gone before."""
    yield f"- The columns of {plan.table} get the names back that they had before contract."
    yield "- Both shapes stay, in step: no value is lost."
    finals = [one.old for one in plan.replacements]
    if finals:
        yield f"- A release that takes {', '.join(finals)} for the new columns must be gone."


def archived(session: Session, migration_id: str) -> int:
    """Return how many rows of the present attempt have values in the archive."""
    return int(session.value(_SQL["archived"], {"id": migration_id}))
