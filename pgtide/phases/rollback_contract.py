"""The way back from contract: the names are swapped back, and both shapes stay, in step."""

from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Final

from pgtide.changes.contract import SHAPE
from pgtide.errors import Refused
from pgtide.ledger import audit, log, phases, steps
from pgtide.ledger.proof import flaw
from pgtide.ledger.record import Record, advance, set_fingerprint
from pgtide.ledger.released import released
from pgtide.ledger.run import Run
from pgtide.ledger.verifications import carry_over
from pgtide.model.state import UNDOING, Phase, State
from pgtide.phases.conduct import conducted
from pgtide.phases.fingerprint import take
from pgtide.phases.in_the_way import InTheWay, refuse_in_the_way
from pgtide.phases.last_resort import last_resort
from pgtide.phases.proof import withdraw
from pgtide.phases.step import lock_whole
from pgtide.phases.undo import undo_apart, undo_name, undo_together
from pgtide.postgres.faults import Transient
from pgtide.postgres.session import Session

# A contract that was killed after its commit had come to its end all the same.
_HOW: Final = MappingProxyType({Phase.ROLLBACK: "failed", Phase.CONTRACT: "done"})
# As many states as contract can be taken back from by itself: its own, and those of an undo.
_FROM: Final = frozenset({State.CONTRACTING, State.CONTRACTED, *UNDOING})


class Released(Refused):
    """Refuse an undo because a write has given up the way back."""


def to_verified(run: Run) -> None:
    """Undo contract, and contract only; safe to run again from any point.

    Where somebody had changed what keeps the shapes in step, the rows are to be swept and verified
    again: the migration is `backfilled` then.
    """
    refuse_partial(run.session, run.record)
    with conducted(run, Phase.ROLLBACK, to=State.VERIFIED):
        undo_contract(run, whole=False)
        _require(run)
    found = flaw(run.session, run.record)
    if found:
        withdraw(run, found)


def refuse_partial(session: Session, record: Record) -> None:
    """Raise Refused where there is no contract to undo, or where more than that is undone."""
    recorded = steps.recorded(session, record.id)
    begun = {one.name for one in recorded if one.phase != Phase.CONTRACT and one.state == "undone"}
    begun |= {one.name for one in recorded if one.phase == Phase.ROLLBACK}
    never = record.state in UNDOING and SHAPE not in {one.name for one in recorded}
    if record.standing not in _FROM or never:
        raise Refused(
            f"{record.id} is {record.state}: there is no contract to undo.",
            state="Nothing was changed.",
            remedy=f"`pgtide down {record.version}` undoes all of it.",
        )
    if begun:
        raise Refused(
            f"{record.id} is being undone altogether: {', '.join(sorted(begun))} is taken back.",
            state="Nothing was changed by this command.",
            remedy=f"Run `pgtide down {record.version}` to end that.",
        )


def undo_contract(run: Run, *, whole: bool) -> None:
    """Swap the names back, where they were swapped; the new fingerprint commits with it.

    Where more cannot be undone, and the `whole` is to be, not even that is.
    """
    done = [
        one
        for one in steps.recorded(run.session, run.plan.migration_id)
        if one.name == SHAPE and one.state == "done"
    ]
    if not done:
        return
    touched = _Touched(whole=whole)
    try:
        # The statement that locks a view would fail at one that was dropped. Where somebody keeps
        # from looking, the look under the lock has to do.
        with suppress(Transient):
            refuse_in_the_way(run.session, run.record, whole=whole)
        undo_together(
            run,
            f"undo.{SHAPE}",
            done,
            guard=partial(touched.look, run),
            also=partial(_seal, run, touched),
        )
    except (Released, InTheWay) as error:
        _stay(run, error.what)
        raise


def _require(run: Run) -> None:
    """Make NOT NULL of the old columns plain again, with the names back and nobody kept waiting."""
    for one in steps.recorded(run.session, run.plan.migration_id):
        if one.phase != Phase.CONTRACT or one.name == SHAPE or one.state == "undone":
            continue
        if one.transactional:
            undo_together(run, undo_name(one), (one,))
        else:
            undo_apart(run, one)


class _Touched:
    """Remember, from under the lock, whether somebody touched the triggers since contract."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self.found = False

    def look(self, run: Run, session: Session) -> None:
        """Look before the first name is changed; raises Refused where there is no way back now."""
        lock_whole(session, run.plan)
        refuse_released(session, run.record)
        refuse_in_the_way(session, run.record, whole=self._whole)
        self.found = run.record.fingerprint != take(run, session, contracted=True)


def _stay(run: Run, why: str) -> None:
    """Move a migration of which nothing can be taken back now to where it was."""
    session, record = run.session, run.record
    with session.transaction(settings={"synchronous_commit": "on"}):
        advance(session, run.lease, record.state, State.CONTRACTED, error=why)
        for phase in (Phase.ROLLBACK, Phase.CONTRACT):
            if phases.done_at(session, record.id, phase) is None:
                phases.end(session, run.lease, phase, _HOW[phase])
        audit.note(session, run.lease, "undo_refused", why=why)
        log.settle(session, record, log_schema=run.settings.log_schema)


def _seal(run: Run, touched: _Touched, session: Session) -> None:
    fingerprint = take(run, session)
    set_fingerprint(session, run.lease, fingerprint)
    if not touched.found:
        carry_over(session, run.lease, fingerprint=fingerprint)


def refuse_released(session: Session, record: Record) -> None:
    """Raise Refused where a write has given up the way back."""
    writes = released(session, record)
    if writes:
        raise Released(
            f"{record.id} cannot be undone: {writes:,} writes since contract hold values that the "
            'old shape cannot, and on_unrepresentable="release" let them pass.',
            state="Nothing was taken back.",
            remedy=f"Go on with `pgtide purge {record.version}`. {last_resort(session, record)}",
        )
