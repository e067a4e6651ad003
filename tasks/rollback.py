"""Undo, as a task: the whole of it, or contract only."""

from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.model.state import State
from pgtide.phases.backward import undo
from pgtide.settings import Settings
from tasks.door import door


@door("rollback", called="rollback {record.table.name}")
def rollback(settings: Settings, caller: Caller, record: Record, to: State) -> None:
    """Carry out the phase."""
    undo(settings, caller, record, to=to)
