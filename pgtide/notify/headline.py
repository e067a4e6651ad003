"""The message of a run: edited in place, it says at a glance how far it is and why it stands."""

from collections.abc import Iterator
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pgtide.model.amount import say_seconds
from pgtide.model.throttle import awaited
from pgtide.notify.notice import Kind, Notice, Subject
from pgtide.notify.outlook import Eta, Outlook
from pgtide.notify.story import Story

_CELLS: Final = 20
_FORWARD: Final = ("backup", "expand", "backfill", "finalize", "verify")


def headline(story: Story, now: datetime) -> str:
    """Return the message as of now: the minute in it tells one whose run was killed by its age."""
    return "\n".join(_lines(story, now))


def _lines(story: Story, now: datetime) -> Iterator[str]:
    subject = story.subject
    yield f"{_mark(story)} {_title(subject)}"
    yield _place(subject)
    yield _phases(story)
    if story.end is not None:
        yield story.end.what
        yield f"To do: {story.end.todo}"
    else:
        yield from _work(story)
    yield from _foot(story, now)


def _mark(story: Story) -> str:
    if story.end is not None:
        return _ENDS.get(story.end.kind, "[failed]")
    return "[held]" if _waits(story) else "[at work]"


def _title(subject: Subject) -> str:
    version = f" {subject.version}" if subject.version else ""
    about = f": {subject.description}" if subject.description else ""
    return f"{subject.id}{version}{about}"


def _place(subject: Subject) -> str:
    # Where it is comes first at 3 a.m.: production or not.
    parts = (subject.environment, subject.target, subject.table)
    return " | ".join(part for part in parts if part)


def _phases(story: Story) -> str:
    """Say which phases are done, which is at work, and which are to come."""
    states = dict.fromkeys(_FORWARD, "pending")
    if story.outlook is not None:
        known = {one.phase: one.state for one in story.outlook.phases}
        states = {phase: known.get(phase, "pending") for phase in _FORWARD} | {
            phase: state for phase, state in known.items() if state != "pending"
        }
    states |= {one.phase: "done" for one in story.ended}
    if story.phase is not None:
        states[story.phase] = _last(story.end)
    return "  ".join(f"{_SIGNS.get(state, '.')} {phase}" for phase, state in states.items())


def _last(end: Notice | None) -> str:
    """Return the state of the phase that is or was at work."""
    if end is None:
        return "running"
    return "paused" if end.kind in _RESTING else "failed"


def _work(story: Story) -> Iterator[str]:
    outlook = story.outlook
    if story.phase == "backfill" and outlook is not None and outlook.percent is not None:
        yield _bar(outlook.percent) + _figures(outlook)
    yield from (f"Waits for {one}" for one in _waits(story))
    rows = max(story.quarantined, outlook.quarantined if outlook else 0)
    if rows:
        are = "1 row is" if rows == 1 else f"{rows:,} rows are"
        yield f"{are} in quarantine: `pgtide quarantine {story.subject.name}`"


def _bar(percent: float) -> str:
    full = int(percent / 100 * _CELLS)
    return f"{'█' * full}{'░' * (_CELLS - full)} {percent:.1f} %"


def _figures(outlook: Outlook) -> str:
    total = "" if outlook.rows_total is None else f" of about {outlook.rows_total:,}"
    parts = [f", {outlook.rows_done:,}{total} rows"]
    if outlook.rows_per_second is not None:
        parts.append(f", {outlook.rows_per_second:,.0f} rows/s")
    if outlook.eta is not None:
        parts.append(f", done {_when(outlook.eta)}")
    return "".join(parts)


def _when(eta: Eta) -> str:
    if eta.low.date() == eta.high.date():
        return f"{eta.low:%Y-%m-%d} between {eta.low:%H:%M} and {eta.high:%H:%M} UTC"
    return f"between {eta.low:%Y-%m-%d %H:%M} and {eta.high:%Y-%m-%d %H:%M} UTC"


def _waits(story: Story) -> list[str]:
    found = [
        f"{awaited(one.signal)}, since {one.since:%H:%M:%S} UTC: {one.signal}: {one.reason}"
        for one in story.holds
    ]
    if story.lock is not None:
        found.append(_lock(story))
    return found


def _lock(story: Story) -> str:
    lock = story.lock
    if lock is None:
        return ""
    who = "; ".join(lock.abroad) or "nobody who is still there"
    return f"{lock.awaited} ({lock.step}, try {lock.attempt} of {lock.tries}), behind {who}"


def _foot(story: Story, now: datetime) -> Iterator[str]:
    subject = story.subject
    number = "" if story.run_id is None else f" {story.run_id}"
    who = f" for {subject.actor}" if subject.actor else ""
    host = f" on {subject.host}" if subject.host else ""
    age = f"; as of {now:%H:%M} UTC"
    if story.end is not None:
        age = f", ended after {say_seconds((story.end.at - story.began_at).total_seconds())}"
    yield f"Run{number}{who}{host}, begun {story.began_at:%Y-%m-%d %H:%M} UTC{age}"
    if subject.link:
        yield subject.link


_SIGNS: Final = MappingProxyType({"done": "✓", "running": "▶", "failed": "✗", "paused": "‖"})
_RESTING: Final = frozenset(
    {Kind.PAUSED, Kind.WINDOW_CLOSED, Kind.INTERRUPTED, Kind.APPROVAL_NEEDED}
)
_ENDS: Final = MappingProxyType(
    {
        Kind.DONE: "[done]",
        Kind.PAUSED: "[paused]",
        Kind.WINDOW_CLOSED: "[paused until its window opens]",
        Kind.INTERRUPTED: "[interrupted]",
        Kind.APPROVAL_NEEDED: "[waits for approval]",
        Kind.MISMATCHED: "[verification failed]",
        Kind.REFUSED: "[refused]",
    }
)
