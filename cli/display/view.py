"""What a display knows of a run: a value that follows the engine's events."""

from dataclasses import dataclass, replace

from cli.display.words import data_size, span
from pgtide.events import (
    BackupPartBegan,
    BackupPartEnded,
    BatchCommitted,
    BatchRetried,
    CanaryPassed,
    Event,
    LockWaited,
    PhaseBegan,
    PhaseEnded,
    RangeVerified,
    RowQuarantined,
    RunBegan,
    RunEnded,
    SlicesCut,
    StepBegan,
    StepEnded,
    SweepEnded,
    ThrottleEnded,
    ThrottleHeld,
    WalkShortened,
    WayBackClosed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The phase at work, those that this run has ended, and what stands in the way."""

    phase: str | None = None
    ended: tuple[PhaseEnded, ...] = ()
    step: str | None = None
    lock: LockWaited | None = None
    rows: int = 0
    compared: RangeVerified | None = None
    # The run has let go; what the ledger says is what counts.
    over: bool = False


def follow(view: View, event: Event) -> View:  # noqa: PLR0911  # one per event
    """Return the view after an event."""
    match event:
        case PhaseBegan() | PhaseEnded():
            return _phase(view, event)
        case StepBegan(step=step) | BackupPartBegan(part=step):
            return replace(view, step=step, lock=None)
        case StepEnded() | BackupPartEnded():
            return replace(view, step=None, lock=None)
        case LockWaited():
            return replace(view, lock=event)
        case BatchCommitted(rows=rows):
            return replace(view, rows=view.rows + rows, lock=None)
        case RangeVerified():
            return replace(view, compared=event, lock=None)
        case RunEnded():
            return replace(view, phase=None, step=None, lock=None, over=True)
    return view


def _phase(view: View, event: PhaseBegan | PhaseEnded) -> View:
    fresh = replace(view, phase=None, step=None, lock=None)
    if isinstance(event, PhaseBegan):
        return replace(fresh, phase=event.phase, rows=0, compared=None)
    kept = tuple(one for one in view.ended if one.phase != event.phase)
    return replace(fresh, ended=(*kept, event))


def sentence(event: Event) -> str | None:  # noqa: C901, PLR0911, PLR0912  # one per event
    """Return what is worth a line of its own, if the event is."""
    match event:
        case RunBegan(taken_over=str(name)):
            return f"taking over from {name}, whose heart has stopped"
        case SlicesCut():
            noun = "slice" if event.slices == 1 else "slices"
            return f"the table is {event.slices:,} {noun}: {event.why}"
        case WalkShortened():
            return str(event)
        case SweepEnded(rows=0):
            return "the sweep found nothing left to do"
        case SweepEnded():
            return f"the sweep brought {event.rows:,} more rows in step"
        case BackupPartEnded(part=part, bytes=size):
            grown = f", {data_size(size)}" if size is not None else ""
            return f"{part} of the backup done in {span(event.seconds)}{grown}"
        case ThrottleHeld():
            return f"held back by {event.signal}: {event.reason}"
        case ThrottleEnded():
            return f"{event.signal} holds it back no more, after {span(event.seconds)}"
        case WayBackClosed():
            return f"there is no way back from {event.step} on: {event.reason}"
        case CanaryPassed():
            return f"the canary's {event.rows:,} rows are filled and right: the rest follows"
        case RowQuarantined():
            return f"a row was put in quarantine: {event.reason} (SQLSTATE {event.sqlstate})"
        case BatchRetried():
            return f"a batch is tried again (try {event.attempt}): {event.reason}"
        case _:
            return None
