"""Drive the engine with everything that announces a run, without an orchestrator."""

from collections.abc import Callable
from datetime import timedelta

from pgtide.events import Listener, silence
from pgtide.ledger.run import Caller
from pgtide.model.migration import Migration
from pgtide.model.state import Phase
from pgtide.notify.notice import Subject
from pgtide.operate.announce import announced
from pgtide.phases.forward import forward, opened
from pgtide.settings import Settings
from tests.driving import ACTOR

# Ten edits a second instead of one in five: the tests are short.
QUICK = timedelta(milliseconds=100)
LINK = "http://127.0.0.1:4200/runs/flow-run/of-the-tests"


def carry(
    settings: Settings,
    migration: Migration,
    *,
    until: Phase = Phase.VERIFY,
    emit: Listener = silence,
    attended: bool = False,
    warn: Callable[[str], object] = print,
) -> None:
    """Go forward to the end of a phase, and announce it as a flow does."""
    subject = Subject(
        id=migration.id,
        version=migration.version,
        description=migration.description,
        table=migration.table,
        link=LINK,
    )
    caller = Caller(actor=ACTOR, emit=emit)
    with (
        announced(settings, caller, subject, attended=attended, warn=warn) as told,
        opened(settings, told, migration) as run,
    ):
        forward(run, until)
