"""Hold a migration that has begun: it needs nothing but the ledger, neither file nor plan."""

from collections.abc import Iterator
from contextlib import contextmanager

from pgtide.errors import Refused, Waiting
from pgtide.ledger.control import held
from pgtide.ledger.record import Record, find
from pgtide.ledger.run import Caller, Run, holding
from pgtide.ledger.schema import install
from pgtide.model.state import State
from pgtide.phases.target import refuse_target
from pgtide.postgres.pooler import refuse_pooler
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings


def recorded(settings: Settings, migration_id: str) -> Record:
    """Return a migration's record; raises Refused where it has not begun."""
    with connect(settings.url, purpose="preflight") as session:
        record = find(session, migration_id)
    if record is None:
        raise Refused(
            f"{migration_id} has not begun: this database's ledger does not know it.",
            state="Nothing was changed.",
            remedy=f"`pgtide up {migration_id}` begins it.",
        )
    return record


@contextmanager
def begun(settings: Settings, caller: Caller, record: Record) -> Iterator[Run]:
    """Check the server and hold the migration for as long as the block runs."""
    refuse_pooler(settings.url)
    with connect(settings.url, purpose="preflight") as session:
        refuse_target(session, settings)
        install(session, log_schema=settings.log_schema)
    with holding(settings, caller, record) as run:
        yield run


def refuse_held(session: Session, migration_id: str) -> None:
    """Raise Waiting where an operator holds the migration."""
    hold = held(session, migration_id)
    if hold is not None:
        raise Waiting(
            f"{migration_id} is paused: {hold}.",
            state="Nothing was changed.",
            remedy=f"Run `pgtide resume {migration_id}` to go on.",
        )


def refuse_undone(session: Session, migration_id: str) -> None:
    """Raise Waiting where the migration was undone: what repeats by itself must not redo it."""
    record = find(session, migration_id)
    if record is not None and record.state is State.ROLLED_BACK:
        raise Waiting(
            f"{migration_id} was undone, and nobody has asked to start it over.",
            state="Nothing was changed.",
            remedy=f"Run `pgtide up {migration_id}` to start it over.",
        )
