"""The story of a run, as it is told elsewhere: a function of what was heard, and of nothing else.

Each function returns the story so far and the notices that follow from what it was given. Nothing
is sent here, and no clock is read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pgtide.errors import AwaitingApproval, Busy, Interrupted, Waiting
from pgtide.events import (
    BatchCommitted,
    Event,
    LockWaited,
    PhaseBegan,
    PhaseEnded,
    RowQuarantined,
    RunBegan,
    StepEnded,
    ThrottleEnded,
    ThrottleHeld,
    WayBackClosed,
)
from pgtide.notify import texts
from pgtide.notify.ending import end_of
from pgtide.notify.notice import Notice, Subject
from pgtide.notify.outlook import Outlook, Untold

# The second row of a bad batch is no news, the tenth and the hundredth are.
_MANY: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A signal that holds the backfill back; `told` once it has for so long that it was told."""

    signal: str
    reason: str
    since: datetime
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is known of a run; `end` is its last notice."""

    subject: Subject
    began_at: datetime
    held_after: timedelta
    # A person sits before it, and is told of a refusal on the terminal.
    attended: bool = False
    run_id: int | None = None
    phase: str | None = None
    ended: tuple[PhaseEnded, ...] = ()
    holds: tuple[Hold, ...] = ()
    lock: LockWaited | None = None
    quarantined: int = 0
    # What earlier runs could not tell, and whether this one has.
    untold: Untold | None = None
    caught_up: bool = False
    outlook: Outlook | None = None
    # Before there is anything to tell, nobody is told of the run at all.
    begun: bool = False
    end: Notice | None = None

    @property
    def stand(self) -> str | None:
        """Return the migration's state, as the ledger last had it."""
        return self.outlook.state if self.outlook else None


Told = tuple[Story, tuple[Notice, ...]]


def follow(story: Story, event: Event, now: datetime) -> Told:  # noqa: PLR0911  # one per kind
    """Return the story after an event of the engine's."""
    match event:
        case RunBegan():
            return replace(story, run_id=event.run_id), ()
        case PhaseBegan() | PhaseEnded():
            return _phase(story, event, now)
        case LockWaited() | StepEnded() | BatchCommitted():
            return _locks(story, event), ()
        case ThrottleHeld() | ThrottleEnded():
            return _throttle(story, event, now)
        case RowQuarantined():
            return _quarantined(story, event, now)
        case WayBackClosed():
            return _told(story, now, texts.way_back_closed(story.subject, event))
    return story, ()


def looked(story: Story, outlook: Outlook | None, now: datetime) -> Told:
    """Return the story after a look at the ledger, or after time has passed without one."""
    if outlook is not None:
        story = replace(
            story,
            outlook=outlook,
            subject=_known(story.subject, outlook),
            untold=story.untold or outlook.untold,
        )
    caught_up, missed = _caught_up(story, now)
    after, held = _held(caught_up, now)
    return after, (*missed, *held)


def _caught_up(story: Story, now: datetime) -> Told:
    """Tell once what earlier runs could not."""
    if story.untold is None or story.caught_up or not story.begun:
        return story, ()
    return _told(replace(story, caught_up=True), now, texts.untold(story.subject, story.untold))


def _held(story: Story, now: datetime) -> Told:
    due = [one for one in story.holds if not one.told and now - one.since >= story.held_after]
    if not due:
        return story, ()
    since = min(one.since for one in due)
    reasons = [(one.signal, one.reason) for one in story.holds]
    holds = tuple(replace(one, told=True) for one in story.holds)
    said = texts.held(story.subject, reasons, now - since)
    return _told(replace(story, holds=holds), now, said)


def ended(story: Story, error: BaseException | None, now: datetime) -> Told:
    """Return the story after the end of the run; `error` is what ended it, if anything did.

    A run that did not come to its work tells only those who would else not learn of it.
    """
    if not story.begun and _idle(story, error):
        return story, ()
    said = end_of(story.subject, error, outlook=story.outlook, ended=story.ended)
    end = _notice(story, now, said)
    return replace(story, begun=True, holds=(), lock=None, end=end), (end,)


def _idle(story: Story, error: BaseException | None) -> bool:
    """Tell whether the end of a run that began no phase is nobody's news.

    There was nothing to do, another run is at it, an operator holds it, its window is closed: all
    that was told before, or is as it should be night after night.
    """
    if isinstance(error, AwaitingApproval):
        return False
    if error is None or isinstance(error, Busy | Interrupted | KeyboardInterrupt | Waiting):
        return True
    if not isinstance(error, Exception):
        # The flow was suspended, and asks in a form: if it stands at a gate, that is why.
        return story.outlook is None or story.outlook.gate is None
    return story.attended


def _told(story: Story, now: datetime, said: texts.Said) -> Told:
    first, notices = _begun(story, now)
    return first, (*notices, _notice(story, now, said))


def _begun(story: Story, now: datetime) -> Told:
    """Return a story that has begun for those who are told of it."""
    if story.begun:
        return story, ()
    said = texts.run_began(story.subject, story.run_id, story.phase)
    return replace(story, begun=True), (_notice(story, now, said),)


def _notice(story: Story, now: datetime, said: texts.Said) -> Notice:
    return Notice(
        kind=said.kind,
        at=now,
        what=said.what,
        state=said.state,
        todo=said.todo,
        urgent=said.urgent,
        phase=said.phase or story.phase,
        stand=story.stand,
    )


def _phase(story: Story, event: PhaseBegan | PhaseEnded, now: datetime) -> Told:
    if isinstance(event, PhaseBegan):
        return _begun(replace(story, phase=event.phase, lock=None), now)
    after = replace(story, phase=None, lock=None, ended=(*story.ended, event))
    return _told(after, now, texts.phase_done(story.subject, event))


def _locks(story: Story, event: LockWaited | StepEnded | BatchCommitted) -> Story:
    if isinstance(event, LockWaited):
        return replace(story, lock=event)
    # Most batches come after another: the very same story.
    return replace(story, lock=None) if story.lock else story


def _quarantined(story: Story, event: RowQuarantined, now: datetime) -> Told:
    many = story.quarantined + 1
    after = replace(story, quarantined=many)
    if not _round(many):
        return after, ()
    return _told(after, now, texts.quarantined(story.subject, event, many))


def _throttle(story: Story, event: ThrottleHeld | ThrottleEnded, now: datetime) -> Told:
    others = _but(story.holds, event.signal)
    if isinstance(event, ThrottleHeld):
        known = next((one for one in story.holds if one.signal == event.signal), None)
        hold = replace(
            known or Hold(signal=event.signal, reason=event.reason, since=now), reason=event.reason
        )
        return replace(story, holds=(*others, hold)), ()
    was_told = any(one.told for one in story.holds)
    after = replace(story, holds=others)
    if not was_told or others:
        return after, ()
    return _told(after, now, texts.let_go(story.subject, event))


def _but(holds: Iterable[Hold], signal: str) -> tuple[Hold, ...]:
    return tuple(one for one in holds if one.signal != signal)


def _round(number: int) -> bool:
    while number % _MANY == 0:
        number //= _MANY
    return number == 1


def _known(subject: Subject, outlook: Outlook) -> Subject:
    return replace(
        subject,
        version=outlook.version,
        description=outlook.description,
        table=outlook.table,
        target=outlook.target or subject.target,
    )
