"""The way back, and verification on demand: both need nothing but the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager

from pgtide.errors import Refused
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller, Run, holding
from pgtide.ledger.schema import install
from pgtide.model.state import RUNNING, Phase, State, allowed
from pgtide.model.verification import Verification
from pgtide.phases.free_step import refuse_irreversible
from pgtide.phases.rollback import rollback
from pgtide.phases.target import refuse_target
from pgtide.phases.verify import verify
from pgtide.postgres.pooler import refuse_pooler
from pgtide.postgres.session import connect
from pgtide.settings import Settings


def undo(settings: Settings, caller: Caller, record: Record) -> None:
    """Take a migration back, from any state; raises Refused where nothing of it is there.

    Or where one of its steps cannot be taken back.
    """
    _refuse(record, Phase.ROLLBACK, "There is nothing to undo.")
    with _held(settings, caller, record) as run:
        refuse_irreversible(run.session, record)
        rollback(run)


def verify_again(settings: Settings, caller: Caller, record: Record) -> Verification:
    """Verify now; raises Mismatched, after withdrawing `verified`, where anything is wrong."""
    _refuse(record, Phase.VERIFY, "Run `pgtide up` first: it verifies at its end.")
    with _held(settings, caller, record) as run:
        return verify(run)


@contextmanager
def _held(settings: Settings, caller: Caller, record: Record) -> Iterator[Run]:
    refuse_pooler(settings.url)
    with connect(settings.url, purpose="preflight") as session:
        refuse_target(session, settings)
        install(session, log_schema=settings.log_schema)
    with holding(settings, caller, record) as run:
        yield run


def _refuse(record: Record, phase: Phase, remedy: str) -> None:
    running = RUNNING[phase]
    begun = record.state is running or allowed(record.state, running)
    if not begun or (phase is Phase.VERIFY and record.state is State.PAUSED):
        raise Refused(
            f"{record.id} is {record.state}: {phase} cannot start from there.",
            state="Nothing was changed.",
            remedy=remedy,
        )
