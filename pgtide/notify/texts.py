"""What is told while a run works, in words for somebody who was asleep a minute ago."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from pgtide.events import PhaseEnded, RowQuarantined, ThrottleEnded, WayBackClosed
from pgtide.model.amount import say_seconds
from pgtide.model.state import Phase
from pgtide.model.throttle import LOCKS
from pgtide.notify.notice import Kind, Subject
from pgtide.notify.outlook import Untold

NOTHING: Final = "nothing; it goes on by itself."


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The words of a notice, before it has its time."""

    kind: Kind
    what: str
    state: str
    todo: str
    urgent: bool = False
    phase: str | None = None


def on(subject: Subject) -> str:
    """Say on which table, where that is known."""
    return f" of {subject.table}" if subject.table else ""


def run_began(subject: Subject, run_id: int | None, phase: str | None) -> Said:
    """Tell that a run is at work."""
    number = f"Run {run_id}" if run_id is not None else "A run"
    at = f" with {phase}" if phase else ""
    return Said(
        kind=Kind.RUN_BEGAN,
        what=f"{number} of {subject.name} has begun{at}{_by(subject)}.",
        state="it is at work; the application is not stopped for it.",
        todo=f"nothing. `pgtide status {subject.name}` shows how it goes, "
        f"`pgtide pause {subject.name}` holds it.",
    )


def untold(subject: Subject, before: Untold) -> Said:
    """Tell what earlier runs could not."""
    messages = "1 message" if before.notices == 1 else f"{before.notices:,} messages"
    return Said(
        kind=Kind.UNTOLD,
        what=(
            f"Missed before: {messages} of earlier runs of {subject.name} did not reach "
            f"{', '.join(before.places)}. The last: {before.last}"
        ),
        state="this run is at work.",
        todo=f"nothing; `pgtide history {subject.name}` has all that was recorded.",
    )


def phase_done(subject: Subject, event: PhaseEnded) -> Said:
    """Tell that a phase came to its end."""
    rows = "" if event.rows is None else f", {_count(event.rows, 'row')}"
    return Said(
        kind=Kind.PHASE_DONE,
        what=f"{event.phase}{on(subject)} is done after {say_seconds(event.seconds)}{rows}.",
        state=_REACHED.get(event.phase, "what it had to do is done."),
        todo=NOTHING,
        phase=event.phase,
    )


def held(subject: Subject, reasons: Sequence[tuple[str, str]], span: timedelta) -> Said:
    """Tell that the backfill has been held back for long: the database is not well, or locked."""
    why = "; ".join(f"{signal}: {reason}" for signal, reason in reasons)
    signals = [signal for signal, _ in reasons if signal != LOCKS]
    names = ",".join(signals)
    cause = "the database is not well" if signals else "others keep locked what it needs"
    idle = "runs and no row is locked"
    if len(signals) < len(reasons):
        idle = "gets through, and none keeps a row locked between its tries"
    switch = (
        f" If it cannot be mended now: `pgtide pause {subject.name}`, then "
        f"`PGTIDE_THROTTLE_OFF={names} pgtide resume {subject.name}` goes on without watching it."
    )
    return Said(
        kind=Kind.HELD,
        what=(
            f"The backfill{on(subject)} has held for {say_seconds(span.total_seconds())} because "
            f"{cause}: {why}."
        ),
        state=f"no batch {idle}; what was filled is kept.",
        todo=(
            "nothing in pgtide: it goes on by itself once that is over."
            f"{switch if signals else ' What is in the way can be ended, if its owner agrees.'}"
        ),
    )


def let_go(subject: Subject, event: ThrottleEnded) -> Said:
    """Tell that a long hold is over."""
    return Said(
        kind=Kind.LET_GO,
        what=(
            f"The backfill{on(subject)} goes on: {event.signal} held it back for "
            f"{say_seconds(event.seconds)}, and does no more."
        ),
        state="batches run again, from the last checkpoint.",
        todo=NOTHING,
    )


def quarantined(subject: Subject, event: RowQuarantined, many: int) -> Said:
    """Tell that rows cannot be filled."""
    rows = "A row" if many == 1 else f"{many:,} rows so far"
    was, them, are = ("was", "it", "it is") if many == 1 else ("were", "them", "they are")
    return Said(
        kind=Kind.QUARANTINED,
        what=(
            f"{rows}{on(subject)} could not be filled and {was} put in quarantine: {event.reason} "
            f"(SQLSTATE {event.sqlstate})."
        ),
        state=f"all other rows are being filled; the backfill is not over before {are} mended.",
        todo=(
            f"in the morning is soon enough. `pgtide quarantine {subject.name}` lists {them}; mend "
            f"or delete {them}, or mend what refuses {them}."
        ),
    )


def way_back_closed(subject: Subject, event: WayBackClosed) -> Said:
    """Tell that the migration cannot be undone any more."""
    return Said(
        kind=Kind.WAY_BACK_CLOSED,
        what=f"{subject.name} cannot be undone any more, from {event.step} on: {event.reason}.",
        state="it is at work and goes forward as planned.",
        todo=f"nothing; `pgtide down {subject.name}` would refuse from here on.",
    )


def _by(subject: Subject) -> str:
    who = f", for {subject.actor}" if subject.actor else ""
    return f"{who} on {subject.host}" if subject.host else who


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


_REACHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        Phase.BACKUP: (
            "a backup is there, and its trial restore gave the same rows; the table is untouched."
        ),
        Phase.EXPAND: "the new columns and the triggers are there; `pgtide down` undoes it all.",
        Phase.BACKFILL: "every row is filled, and the triggers keep both shapes in step.",
        Phase.FINALIZE: "indexes and constraints are built and valid.",
        Phase.VERIFY: "every row was compared, and both shapes hold the same.",
        Phase.CONTRACT: "the new columns have the final names; the old ones stay in step.",
        Phase.PURGE: "the old columns and the triggers are gone; there is no way back.",
        Phase.ROLLBACK: "what it had to undo is undone, with every write kept.",
    }
)
