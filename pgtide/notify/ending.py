"""How a run ended, in words; a person is called only where nothing goes on without one."""

import re
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from pgtide.errors import (
    AwaitingApproval,
    Interrupted,
    LockNotAcquired,
    Mismatched,
    PgtideError,
    Refused,
    Waiting,
    WindowClosed,
)
from pgtide.events import PhaseEnded
from pgtide.model.amount import say_seconds
from pgtide.model.state import Phase
from pgtide.notify.notice import Kind, Subject
from pgtide.notify.outlook import Outlook
from pgtide.notify.texts import Said, on

_KEPT: Final = "what was committed is kept, and the run can be taken up again."
_COMMAND: Final = re.compile(r"`pgtide (up|down|resume|verify|status|history)`")
# The first that fits; and whether it calls somebody.
_KINDS: Final[tuple[tuple[type[PgtideError], Kind, bool], ...]] = (
    (AwaitingApproval, Kind.APPROVAL_NEEDED, True),
    (WindowClosed, Kind.WINDOW_CLOSED, False),
    (Waiting, Kind.PAUSED, False),
    (Interrupted, Kind.INTERRUPTED, False),
    (Mismatched, Kind.MISMATCHED, True),
    (LockNotAcquired, Kind.LOCKS_EXHAUSTED, True),
    (Refused, Kind.REFUSED, True),
    (PgtideError, Kind.FAILED, True),
)
_OPENINGS: Final = MappingProxyType(
    {
        Kind.APPROVAL_NEEDED: "Approval needed",
        Kind.WINDOW_CLOSED: "Closed for now",
        Kind.PAUSED: "Paused",
        Kind.INTERRUPTED: "Interrupted",
        Kind.MISMATCHED: "Verification failed",
        Kind.LOCKS_EXHAUSTED: "Failed, out of tries at a lock",
        Kind.REFUSED: "Refused",
        Kind.FAILED: "Failed",
    }
)


def end_of(
    subject: Subject,
    error: BaseException | None,
    *,
    outlook: Outlook | None,
    ended: Sequence[PhaseEnded],
) -> Said:
    """Say how a run ended; without an error it came to where it was to go."""
    if error is None:
        return _done(subject, outlook, ended)
    if isinstance(error, PgtideError):
        return _foreseen(subject, error)
    if not isinstance(error, Exception):
        return _left(subject, error, outlook)
    return Said(
        kind=Kind.FAILED,
        # Its text is nobody's sentence, and may hold anything.
        what=f"Failed: {_which(subject)}. pgtide met with a {type(error).__name__} that it did not "
        "foresee.",
        state=_KEPT,
        todo=f"`pgtide up {subject.name}` tries again; the run's own log has the traceback.",
        urgent=True,
    )


def _foreseen(subject: Subject, error: PgtideError) -> Said:
    kind, urgent = next((kind, call) for which, kind, call in _KINDS if isinstance(error, which))
    return Said(
        kind=kind,
        what=f"{_OPENINGS[kind]}: {_which(subject)}. {error.abroad or error.what}",
        state=_lower(error.state) or _KEPT,
        todo=_exact(_lower(error.remedy), subject) or _look(subject),
        urgent=urgent,
    )


def _left(subject: Subject, error: BaseException, outlook: Outlook | None) -> Said:
    """Say what it waits for where the process went on to something else, or was told to stop."""
    stopped = isinstance(error, KeyboardInterrupt)
    if outlook is not None and outlook.gate is not None and not stopped:
        return Said(
            kind=Kind.APPROVAL_NEEDED,
            what=f"Approval needed: {_which(subject)}. It waits until a person confirms that "
            f"{outlook.asks}.",
            state=f"it stays {outlook.state}; nothing is at work.",
            todo=f"`pgtide approve {subject.name} {outlook.gate} --reason TEXT`, or decide in the "
            "form of the run.",
            urgent=True,
        )
    return Said(
        kind=Kind.INTERRUPTED,
        what=f"Interrupted: {_which(subject)}. The run was told to stop.",
        state="the last batch is checkpointed, and nothing is at work.",
        todo=_look(subject),
    )


def _done(subject: Subject, outlook: Outlook | None, ended: Sequence[PhaseEnded]) -> Said:
    if outlook is None:
        return Said(
            kind=Kind.DONE,
            what=f"Done: {_which(subject)}. This run: {_phases(ended)}.",
            state="the ledger could not be asked just now.",
            todo=_look(subject),
        )
    undone = any(one.phase == Phase.ROLLBACK for one in ended)
    what = f"{'Undone' if undone else 'Done'}: {_which(subject)} is {_words(outlook.state)}"
    return Said(
        kind=Kind.DONE,
        what=f"{what}. This run: {_phases(ended)}.",
        state=" ".join(_found(outlook)) or "all that it was to do is done.",
        todo=outlook.next,
    )


def _found(outlook: Outlook) -> Iterator[str]:
    if outlook.verified is not None:
        level, rows, mismatches = outlook.verified
        found = f"{mismatches:,}" if mismatches else "none"
        yield f"level {level} compared {rows:,} rows, {found} out of step."
    if outlook.quarantined:
        yield f"{outlook.quarantined:,} in quarantine."
    if outlook.throttled:
        spans = (f"{signal} {say_seconds(seconds)}" for signal, seconds in outlook.throttled)
        yield f"Held back in all by {', '.join(spans)}."


def _phases(ended: Sequence[PhaseEnded]) -> str:
    return ", ".join(_phase(one) for one in ended) or "no phase was left to carry out"


def _phase(one: PhaseEnded) -> str:
    rows = "" if one.rows is None else f" ({one.rows:,} rows)"
    return f"{one.phase} {say_seconds(one.seconds)}{rows}"


def _which(subject: Subject) -> str:
    """Say which migration it is, and where: whoever is called sees little more than this line."""
    where = f"{subject.environment}, " if subject.environment else ""
    return f"{where}{subject.name}{on(subject)}"


def _exact(text: str, subject: Subject) -> str:
    """Name the migration in the commands that work without; on a terminal it is clear which."""
    return _COMMAND.sub(rf"`pgtide \1 {subject.name}`", text)


def _look(subject: Subject) -> str:
    return (
        f"`pgtide status {subject.name}` shows where it stands, `pgtide up {subject.name}` goes on."
    )


def _words(state: str) -> str:
    return state.replace("_", " ")


def _lower(text: str) -> str:
    # After "State: " and "To do: "; a name or an acronym keeps its capitals.
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
