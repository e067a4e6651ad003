"""A mailbox: what is to be sent to one place, in which order, and when: a function of values.

A place that can be edited gets one message per run, and notices as replies to it. What could not be
delivered waits, in bounds; once the place answers again, one message sums it up.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pgtide.notify.notice import Kind, Notice

# More than a bad night makes; older ones than these are in the audit.
_ROOM: Final = 50
# How often a message that vanishes is sent anew in one run.
_POSTS: Final = 3
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_DOUBLINGS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Send the message of the run."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Bring the message of the run up to date."""

    message: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Send notices, as a reply where there is a message; several are what was missed.

    `missed` counts those that had no room.
    """

    notices: tuple[Notice, ...]
    message: str | None = None
    missed: int = 0
    silent_since: datetime | None = None


Act = Post | Edit | Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """It arrived; `message` names what was sent, where the place can edit it."""

    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """It did not arrive, or nobody knows; the place said when to come again, if it said so."""

    why: str
    pause: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """It will never arrive as it is; `for_good`: nor will anything else."""

    why: str
    for_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The message that was to be edited or replied to is not there any more."""


Outcome = Sent | Trouble | Rejected | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """What waits for one place, and what is known of it.

    `threaded`: it can edit a message. `summed`: it wants one message for what was missed, not each.
    `every`: seconds between two edits.
    """

    threaded: bool
    summed: bool
    every: float
    message: str | None = None
    shown: str | None = None
    shown_at: float = 0.0
    posts: int = 0
    waiting: tuple[Notice, ...] = ()
    missed: int = 0
    tries: int = 0
    silent_since: datetime | None = None
    not_before: float = 0.0
    # Why nothing more goes there.
    closed: str | None = None


def put(box: Mailbox, notice: Notice) -> Mailbox:
    """Return the mailbox with one notice more; the oldest makes room, an urgent one last.

    That a run began is said by its message, where there is one.
    """
    if box.threaded and notice.kind is Kind.RUN_BEGAN:
        return box
    waiting = (*box.waiting, notice)
    if len(waiting) <= _ROOM:
        return replace(box, waiting=waiting)
    gone = next((n for n, one in enumerate(waiting) if not one.urgent), 0)
    return replace(box, waiting=(*waiting[:gone], *waiting[gone + 1 :]), missed=box.missed + 1)


def next_act(box: Mailbox, text: str | None, now: float, *, last: bool = False) -> Act | None:
    """Return what to send now, if anything; `text` is the run's message as it should be.

    `last`: the run is over, so the message is edited once more without waiting its time.
    """
    if box.closed is not None or now < box.not_before or text is None:
        return None
    if box.threaded and box.message is None:
        return Post(text=text)
    if box.waiting:
        many = len(box.waiting) if box.summed and box.silent_since is not None else 1
        return Tell(
            notices=box.waiting[:many],
            message=box.message,
            missed=box.missed,
            silent_since=box.silent_since,
        )
    if box.message is not None and _due(box, text, now, last=last):
        return Edit(message=box.message, text=text)
    return None


def pause(box: Mailbox, now: float) -> float:
    """Return after how many seconds there may be something to send, if nothing happens before."""
    edit = 0.0 if box.waiting or box.message is None else box.shown_at + box.every
    soonest = max(box.not_before, edit)
    return soonest - now if soonest > now else box.every


def _due(box: Mailbox, text: str, now: float, *, last: bool) -> bool:
    return text != box.shown and (last or now - box.shown_at >= box.every)


def after(box: Mailbox, act: Act, outcome: Outcome, *, now: float, at: datetime) -> Mailbox:
    """Return the mailbox after something was tried."""
    match outcome:
        case Trouble():
            return _troubled(box, outcome, now, at)
        case Lost():
            lost = replace(box, message=None, shown=None)
            # Somebody clears the channel, or what it answers means nothing: once more helps nobody.
            return lost if box.posts < _POSTS else replace(lost, closed="its messages vanish")
        case Rejected(for_good=for_good, why=why):
            if for_good or isinstance(act, Post):
                return replace(box, closed=why)
            # Kept, it would block all that come after it.
            missed = len(act.notices) if isinstance(act, Tell) else 0
            return _done(replace(box, missed=box.missed + missed), act, now, counted=False)
        case Sent():
            posts = box.posts + isinstance(act, Post)
            answered = replace(box, message=box.message or outcome.message, posts=posts)
            return _done(answered, act, now, counted=True)


def _troubled(box: Mailbox, trouble: Trouble, now: float, at: datetime) -> Mailbox:
    # Bounded before it is counted out: a place may be away for a week.
    grown = min(_FIRST_PAUSE * 2.0 ** min(box.tries, _DOUBLINGS), _LONGEST_PAUSE)
    return replace(
        box,
        tries=box.tries + 1,
        silent_since=box.silent_since or at,
        not_before=now + (grown if trouble.pause is None else trouble.pause),
    )


def _done(box: Mailbox, act: Act, now: float, *, counted: bool) -> Mailbox:
    box = replace(box, tries=0, not_before=0.0)
    match act:
        case Post(text=text) | Edit(text=text):
            silent = box.silent_since if box.waiting else None
            return replace(box, shown=text, shown_at=now, silent_since=silent)
        case Tell(notices=notices):
            # Others may have come, and made room for themselves, meanwhile.
            left = tuple(one for one in box.waiting if one not in notices)
            # Where each goes by itself the silence is over with the last.
            silent = None if box.summed or not left else box.silent_since
            missed = box.missed - act.missed if counted else box.missed
            return replace(box, waiting=left, silent_since=silent, missed=missed)
