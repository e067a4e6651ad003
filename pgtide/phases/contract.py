"""Contract: the new columns get the final names, in one short transaction, under a later release.

What must be true is looked at before, and the proof once more under the lock: from there to the
commit nobody can go past the triggers. They stay, with both columns, so that undo loses nothing.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from semver import Version

from pgtide.changes.contract import SHAPE, after_undo, contract_step
from pgtide.clock import SYSTEM_CLOCK, Clock
from pgtide.errors import AwaitingApproval, Failed, Refused
from pgtide.events import WayBackClosed
from pgtide.ledger import audit, hanging, log, phases, steps
from pgtide.ledger.record import Record, advance, set_fingerprint
from pgtide.ledger.run import Run
from pgtide.model.followers import Followers
from pgtide.model.gate import Gate
from pgtide.model.performance import Moment
from pgtide.model.plan import Plan
from pgtide.model.state import Phase, State
from pgtide.model.statement import Step
from pgtide.phases import delay, window
from pgtide.phases.begun import refuse_held
from pgtide.phases.conduct import conducted
from pgtide.phases.delay import note_hurry
from pgtide.phases.fingerprint import take
from pgtide.phases.free_step import note_closed
from pgtide.phases.fresh_backup import fresh_backup
from pgtide.phases.gate import await_gate
from pgtide.phases.heeding import heeding
from pgtide.phases.new_leaves import admit_leaves
from pgtide.phases.performance import measure, refuse_slower
from pgtide.phases.proof import Unproved, refuse_unproved, withdraw
from pgtide.phases.step import lock_whole, perform
from pgtide.postgres.catalog import read_table
from pgtide.postgres.ddl import search_path
from pgtide.postgres.followers import read_followers
from pgtide.postgres.session import Session
from pgtide.settings import Settings

# After every step of a plan, so that it is undone before them.
_ORDINAL: Final = 5_000
_READINGS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracting:
    """What a person says who asks for contract: the release now live, and why not to wait."""

    release: str
    hurry: str | None = None


def contract(run: Run, asked: Contracting) -> None:
    """Give the new columns the final names, once all that must be true is.

    Raises Refused or Waiting before anything has changed.
    """
    record = run.record
    refuse_early(run.session, record, asked, run.settings, clock=run.clock)
    if not _done(run):
        admit_leaves(run)
        _withdraw_unproved(run)
        _refuse_unfollowable(read_followers(run.session, run.plan))
        refuse_slower(run)
        fresh_backup(run.settings, heeding(run), record)
        # A backup may take hours: the window may have closed, who approved have thought better.
        refuse_early(run.session, record, asked, run.settings, clock=run.clock)
    note_hurry(run, record, hurry=asked.hurry)
    window.note_hurry(run, Phase.CONTRACT, hurry=asked.hurry)
    with conducted(run, Phase.CONTRACT):
        # Once it is done, what followed the old columns follows the new ones: read no more.
        if not _done(run):
            _perform(run, asked)
        measure(run, Moment.AFTER_CONTRACT)


def refuse_early(
    session: Session,
    record: Record,
    asked: Contracting,
    settings: Settings,
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Raise what the ledger alone can tell to be in the way.

    Refused for a wrong release or state; Waiting under a hold, during the soak, at the gate, and
    outside the window.
    """
    _refuse_release(record.plan, asked.release)
    if record.standing not in {State.VERIFIED, State.CONTRACTING}:
        raise Refused(
            f"{record.id} is {record.state}: contract begins where a migration is verified.",
            state="Nothing was changed.",
            remedy=f"`pgtide status {record.version}` shows what comes next.",
        )
    refuse_held(session, record.id)
    delay.refuse_early(session, record, hurry=asked.hurry)
    await_gate(session, record, Gate.CONTRACT, settings)
    window.refuse_early(session, record, Phase.CONTRACT, settings, clock=clock, hurry=asked.hurry)


def _refuse_release(plan: Plan, release: str) -> None:
    if not Version.is_valid(release):
        raise Refused(
            f"{release!r} is no semantic version such as 2.2.0.",
            state="Nothing was changed.",
            remedy="Name the release that is live now.",
        )
    live, wanted = Version.parse(release), Version.parse(plan.terms.contract_release)
    if live < wanted or live <= Version.parse(plan.version):
        raise Refused(
            f"Release {release} is live, and contract belongs to {wanted} or later.",
            state="Nothing was changed.",
            remedy=f"Bring release {wanted} out first, then run the command again.",
        )


def _done(run: Run) -> bool:
    return steps.is_done(run.session, run.plan.migration_id, SHAPE)


def _withdraw_unproved(run: Run) -> None:
    try:
        refuse_unproved(run, run.session)
    except Unproved as error:
        withdraw(run, error.what)
        raise


def _refuse_unfollowable(followers: Followers) -> None:
    if followers.unfollowable:
        raise Refused(
            f"Contract cannot carry over {'; '.join(followers.unfollowable)}.",
            state="No name was changed.",
            remedy="Drop or move that, then run the command again.",
        )


def _perform(run: Run, asked: Contracting) -> None:
    for _ in range(_READINGS):
        try:
            _try(run, asked)
        except Unproved as error:
            withdraw(run, error.what)
            raise
        except AwaitingApproval as error:
            _stay(run, error.what)
            raise
        except _Outdated:
            continue
        return
    raise Failed(
        f"What follows the columns of {run.plan.table} was changed {_READINGS} times while "
        "contract waited for its lock.",
        state="No name was changed.",
        remedy=f"Stop that, then run `pgtide contract {run.plan.version}` again.",
    )


def _try(run: Run, asked: Contracting) -> None:
    plan = run.plan
    followers = read_followers(run.session, plan)
    _refuse_unfollowable(followers)
    table = read_table(run.session, plan.table, plan.table_oid)
    step = contract_step(plan, table, followers)
    perform(
        run,
        step,
        ordinal=_ORDINAL,
        guard=partial(_guard, run, followers),
        also=partial(_seal, run, asked, (step, *after_undo(plan, table, followers))),
    )
    if step.irreversible:
        run.emit(WayBackClosed(step=step.name, reason=step.irreversible))


class _Outdated(Exception):  # no error of anybody's: read again
    """Stop a step that was made from what is not there any more."""


def _guard(run: Run, followers: Followers, session: Session) -> None:
    # Whoever disabled a trigger has committed that by now, or does not get to it before we commit.
    lock_whole(session, run.plan)
    refuse_unproved(run, session)
    await_gate(session, replace(run.record, state=State.VERIFIED), Gate.CONTRACT, run.settings)
    # A view that came while the lock was awaited would be left behind on the old column.
    session.configure({"search_path": "pg_catalog"}, local=True)
    if read_followers(session, run.plan) != followers:
        raise _Outdated
    session.configure({"search_path": search_path(run.plan.table)}, local=True)


def _stay(run: Run, why: str) -> None:
    """Move a migration back to where it waits for an approval."""
    session, record = run.session, run.record
    with session.transaction(settings={"synchronous_commit": "on"}):
        advance(session, run.lease, record.state, State.VERIFIED)
        phases.end(session, run.lease, Phase.CONTRACT, "paused")
        audit.note(session, run.lease, "contract_refused", why=why)
        log.settle(session, record, log_schema=run.settings.log_schema)


def _seal(run: Run, asked: Contracting, made: tuple[Step, ...], session: Session) -> None:
    step, *later = made
    for number, one in enumerate(later, 1):
        # Undone after the swap, so it stands before it.
        steps.begin(session, run.lease, one, ordinal=_ORDINAL - number)
        steps.end(session, run.lease, one, tries=0, seconds=0.0)
    # Renaming changes the columns' rows in the catalog: known anew before anybody else can.
    set_fingerprint(session, run.lease, take(run, session, contracted=True))
    hanging.keep(session, run.lease, step.name)
    renamed = bool(run.plan.replacements)
    audit.note(session, run.lease, "contracted", release=asked.release, renamed=renamed)
    note_closed(run, step, log.SUCCESS, session)
