"""The engine's events in plain words, for the log of a flow run."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pgtide.events import (
    BackupPartEnded,
    BatchCommitted,
    BatchRetried,
    CanaryPassed,
    Event,
    LockWaited,
    PhaseBegan,
    PhaseEnded,
    QueryMeasured,
    RangeVerified,
    RowQuarantined,
    RunBegan,
    RunEnded,
    SlicesCut,
    StepEnded,
    SweepEnded,
    WalkShortened,
    WayBackClosed,
)
from pgtide.model.performance import head

# A log line costs the server a row: batches and ranges are told of now and then.
_PAUSE: Final = 5.0


class Narrator:
    """Tell what happens, a batch or range at most every few seconds."""

    def __init__(self, say: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        self._say = say
        self._monotonic = monotonic
        self._rows = 0
        self._told = monotonic()

    def __call__(self, event: Event) -> None:
        """Listen to an event."""
        match event:
            case BatchCommitted(rows=rows):
                self._rows += rows
                self._now_and_then(f"{self._rows:,} rows filled by this run")
            case RangeVerified():
                self._now_and_then(
                    f"{event.rows:,} rows compared ({event.done:.0%}), "
                    f"{event.mismatches:,} out of step"
                )
            case _:
                sentence = told(event)
                if sentence:
                    self._say(sentence)

    def _now_and_then(self, sentence: str) -> None:
        now = self._monotonic()
        if now - self._told >= _PAUSE:
            self._told = now
            self._say(sentence)


def told(event: Event) -> str:
    """Return an event as a sentence; empty where it is not worth one."""
    say = _SENTENCES.get(type(event))
    return say(event) if say else ""


def _run(event: RunBegan) -> str:
    if event.taken_over:
        return f"Run {event.run_id} took {event.migration_id} over from {event.taken_over}"
    return f"Run {event.run_id} holds {event.migration_id}"


def _phase(event: PhaseEnded) -> str:
    rows = "" if event.rows is None else f", {event.rows:,} rows"
    return f"{event.phase} ended after {event.seconds:.1f} s{rows}"


def _part(event: BackupPartEnded) -> str:
    grown = "" if event.bytes is None else f", {event.bytes:,} bytes"
    return f"backup: {event.part} done after {event.seconds:.1f} s{grown}"


def _lock(event: LockWaited) -> str:
    who = "; ".join(event.blockers) or "nobody who is still there"
    tries = f"try {event.attempt} of {event.tries}"
    return f"{event.step} waits for {event.awaited}, {tries}, behind {who}"


def _step(event: StepEnded) -> str:
    if event.skipped:
        return f"{event.step} was there already"
    tries = "" if event.tries <= 1 else f" and {event.tries} tries"
    return f"{event.step} done after {event.seconds:.1f} s{tries}"


def _query(event: QueryMeasured) -> str:
    took = "no end in time" if event.median_ms is None else f"{event.median_ms:.1f} ms"
    when = event.moment.replace("_", " ")
    return f"Measured {when}: {took}, {_count(event.scans, 'full scan')}: {head(event.query)}"


_SENTENCES: Final[Mapping[type[Event], Callable[[Any], str]]] = {
    RunBegan: _run,
    RunEnded: lambda event: f"The run let {event.migration_id} go: {event.outcome}",
    PhaseBegan: lambda event: f"{event.phase} begins",
    PhaseEnded: _phase,
    StepEnded: _step,
    BackupPartEnded: _part,
    LockWaited: _lock,
    QueryMeasured: _query,
    WayBackClosed: lambda event: f"No way back from {event.step} on: {event.reason}",
    SlicesCut: lambda event: f"{_count(event.slices, 'slice')} to fill: {event.why}",
    WalkShortened: lambda event: f"On the way: {event}",
    BatchRetried: lambda event: f"A batch is tried again ({event.attempt}): {event.reason}",
    CanaryPassed: lambda event: f"The canary's {event.rows:,} rows are filled and right",
    RowQuarantined: lambda event: (
        f"A row was put in quarantine: {event.reason} (SQLSTATE {event.sqlstate})"
    ),
    SweepEnded: lambda event: (
        f"Round {event.round} of the sweep mended {_count(event.rows, 'row')}"
    ),
}


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
