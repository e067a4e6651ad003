"""Purge: the old columns go, with the triggers and functions; only the new shape is left.

There is no way back from here on, so it waits until retention is over and nobody reads them.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pgtide.changes.purge import SHAPE, purge_steps
from pgtide.clock import SYSTEM_CLOCK, Clock
from pgtide.errors import AwaitingApproval, Refused
from pgtide.ledger import audit, hanging, log, phases, steps
from pgtide.ledger.one_way import one_way
from pgtide.ledger.proof import touched
from pgtide.ledger.record import Record, advance
from pgtide.ledger.run import Run
from pgtide.model.gate import Gate
from pgtide.model.state import Phase, State
from pgtide.phases import delay, window
from pgtide.phases.begun import refuse_held
from pgtide.phases.conduct import conducted
from pgtide.phases.delay import note_hurry
from pgtide.phases.gate import await_gate
from pgtide.phases.last_copy import missing_whole, refuse_none
from pgtide.phases.step import lock_whole, perform
from pgtide.postgres.catalog import read_table
from pgtide.postgres.part_twins import partitions_own
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_ORDINAL: Final = 6_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Purging:
    """What a person says who asks for purge: why not to wait, and why without a backup."""

    hurry: str | None = None
    without_backup: str | None = None


def purge(run: Run, asked: Purging) -> None:
    """Drop what only the old shape needs; raises Refused or Waiting before anything has changed."""
    record = run.record
    refuse_early(run.session, record, asked, run.settings, clock=run.clock)
    unsaved = None
    if not steps.is_done(run.session, record.id, SHAPE):
        unsaved = missing_whole(run, without=asked.without_backup)
        # Reading a backup may take long: the window may have closed, who approved thought better.
        refuse_early(run.session, record, asked, run.settings, clock=run.clock)
    note_hurry(run, record, hurry=asked.hurry)
    window.note_hurry(run, Phase.PURGE, hurry=asked.hurry)
    with conducted(run, Phase.PURGE):
        plan = run.plan
        table = read_table(run.session, plan.table, plan.table_oid)
        for number, step in enumerate(purge_steps(plan, table)):
            try:
                guard = partial(_guard, run, asked, first=number == 0)
                also = partial(_note_unsaved, run, asked, unsaved)
                perform(run, step, ordinal=_ORDINAL + number, guard=guard, also=also)
            except (Touched, AwaitingApproval) as error:
                _stay(run, error.what)
                raise


def _note_unsaved(run: Run, asked: Purging, why: str | None, session: Session) -> None:
    """Write down, with the drops and not before them, that no backup has what went."""
    if why:
        reason = asked.without_backup
        audit.note(session, run.lease, "purged_without_backup", why=why, reason=reason)


class Touched(Refused):
    """Refuse because an old column has values that no new one has, or objects that others made."""


def _guard(run: Run, asked: Purging, session: Session, *, first: bool) -> None:
    lock_whole(session, run.plan)
    if first:
        # Who approved may have thought better of it while the lock was awaited.
        record = replace(run.record, state=State.CONTRACTED)
        await_gate(session, record, Gate.READS_SWITCHED, run.settings)
    found = touched(session, run.record)
    if found:
        _refuse_unproved(run, asked, found, session)
    _refuse_hung(session, run.record)


def _refuse_unproved(run: Run, asked: Purging, found: str, session: Session) -> None:
    """Raise Touched; where no way leads back, somebody's reason decides, and is written down."""
    closed, version = one_way(session, run.record), run.plan.version
    if closed and asked.hurry:
        audit.note(session, run.lease, "purged_unproved", why=found, reason=asked.hurry)
        return
    raise Touched(
        f"{run.plan.migration_id} cannot be purged: {found}.",
        state="Nothing was dropped; the migration is back at `contracted`.",
        remedy=(
            "Contract cannot be taken back any more: compare the old columns with the new ones, "
            f"then `pgtide purge {version} --now --reason TEXT` drops them all the same."
            if closed
            else f"Run `pgtide down {version} --to verified`, then `pgtide up {version}`, which "
            "sweeps and verifies; then contract and purge again."
        ),
    )


def _refuse_hung(session: Session, record: Record) -> None:
    """Raise Touched where others' objects would go with the old columns, or keep them."""
    retired = [one.retired for one in record.plan.replacements]
    found = [
        *hanging.on_columns(session, record.id, retired),
        *(partitions_own(session, record.table_oid, retired) if record.plan.partitioned else ()),
    ]
    if found:
        raise Touched(
            f"{record.id} cannot be purged: the old columns have what contract did not leave "
            f"there: {'; '.join(found)}.",
            state="Nothing was dropped; the migration is `contracted`.",
            remedy=f"Drop that, or move it to the new columns, then run `pgtide purge "
            f"{record.version}` again.",
        )


def _stay(run: Run, why: str) -> None:
    """Move a migration back to where its way back is open."""
    session, record = run.session, run.record
    with session.transaction(settings={"synchronous_commit": "on"}):
        advance(session, run.lease, record.state, State.CONTRACTED, error=why)
        phases.end(session, run.lease, Phase.PURGE, "failed")
        audit.note(session, run.lease, "purge_refused", why=why)
        log.status(
            session,
            record,
            log.SUCCESS,
            log_schema=run.settings.log_schema,
            available=not steps.irreversible(session, record.id),
        )


def refuse_early(
    session: Session,
    record: Record,
    asked: Purging,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Raise what the ledger alone can tell to be in the way.

    Refused for a wrong state or no backup; Waiting under a hold, during retention, at the gate, and
    outside the window.
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
    window.refuse_early(session, record, Phase.PURGE, settings, clock=clock, hurry=asked.hurry)
    if record.standing is State.CONTRACTED:
        # One that has begun to purge is led back to there, under the lock.
        _refuse_hung(session, record)
    if not steps.is_done(session, record.id, SHAPE):
        refuse_none(session, settings, record, without=asked.without_backup)
