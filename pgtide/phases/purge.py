"""Purge: the old columns go, with the triggers and functions; only the new shape is left.

There is no way back from here on, so it waits until retention is over and nobody reads them.
"""

from dataclasses import dataclass
from typing import Final

from pgtide.changes.purge import purge_steps
from pgtide.errors import Refused
from pgtide.ledger.record import Record
from pgtide.ledger.run import Run
from pgtide.model.gate import Gate
from pgtide.model.state import Phase, State
from pgtide.phases import delay
from pgtide.phases.begun import refuse_held
from pgtide.phases.conduct import conducted
from pgtide.phases.delay import note_hurry
from pgtide.phases.gate import await_gate
from pgtide.phases.step import perform
from pgtide.postgres.catalog import read_table
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_ORDINAL: Final = 6_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Purging:
    """What a person says who asks for purge: why not to wait, if that is so."""

    hurry: str | None = None


def purge(run: Run, asked: Purging) -> None:
    """Drop what only the old shape needs; raises Refused or Waiting before anything has changed."""
    record = run.record
    refuse_early(run.session, record, asked, run.settings)
    note_hurry(run, record, hurry=asked.hurry)
    with conducted(run, Phase.PURGE):
        plan = run.plan
        table = read_table(run.session, plan.table, plan.table_oid)
        for number, step in enumerate(purge_steps(plan, table)):
            perform(run, step, ordinal=_ORDINAL + number)


def refuse_early(session: Session, record: Record, asked: Purging, settings: Settings) -> None:
    """Raise what the ledger alone can tell to be in the way.

    Refused for a wrong state; Waiting under a hold, during retention, and at the gate.
    """
    if record.standing not in {State.CONTRACTED, State.PURGING}:
        raise Refused(
            f"{record.id} is {record.state}: purge begins where a migration is contracted.",
            state="Nothing was changed.",
            remedy=f"`pgtide status {record.version}` shows what comes next.",
        )
    refuse_held(session, record.id)
    delay.refuse_early(session, record, hurry=asked.hurry)
    await_gate(session, record, Gate.READS_SWITCHED, settings)
