"""Hold a migration that has begun for as long as the flow runs."""

from contextlib import ExitStack

from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller, Run
from pgtide.phases.begun import begun
from pgtide.settings import Settings
from tasks.door import door


@door("hold", called="hold {record.table.name}")
def hold(stack: ExitStack, settings: Settings, caller: Caller, record: Record) -> Run:
    """Check the server and hold the migration; the stack lets it go."""
    return stack.enter_context(begun(settings, caller, record))
