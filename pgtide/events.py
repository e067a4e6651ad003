"""What happened, as values: emitted at one seam, shown by whoever listens.

The names and fields are an interface: logs, progress displays and tests read them.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan:
    """A run holds the migration.

    `taken_over` names the run that it found dead, if there was one.
    """

    migration_id: str
    run_id: int
    token: int
    taken_over: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseBegan:
    """A phase begins, or goes on."""

    migration_id: str
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEnded:
    """A phase reached its end."""

    migration_id: str
    phase: str
    seconds: float
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBegan:
    """A step is about to act."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementBegan:
    """A statement of a step is about to run; `ordinal` counts from 0 within the step."""

    step: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEnded:
    """A statement of a step has run; in a transactional step it is not committed yet."""

    step: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """A step's effect is in the catalog and in the ledger."""

    step: str
    tries: int
    seconds: float
    skipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBackClosed:
    """A step that nothing can take back has acted: the migration cannot be undone any more."""

    step: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWaited:
    """A try at a lock ended without it; `blockers` are sentences, with what they run.

    `awaited` says what is waited for, where that is no lock; `abroad` names the blockers without
    their statements, which may hold row data.
    """

    step: str
    attempt: int
    tries: int
    blockers: tuple[str, ...]
    awaited: str = "a lock"
    abroad: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicesCut:
    """A table was cut into slices, for so many workers at first."""

    kind: str
    slices: int
    passes: int
    why: str
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkShortened:
    """Slices are walked once from now on: too small a share of the rows stayed on their page.

    `pinned_by` says who keeps old row versions alive, if anybody does.
    """

    passes: int
    share: float
    pinned_by: str = ""

    def __str__(self) -> str:
        cause = f", while {self.pinned_by} kept old row versions alive" if self.pinned_by else ""
        return (
            f"slices are walked once from now on: {self.passes} passes kept {self.share:.0%} of "
            f"the rows on their page{cause}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBegan:
    """A batch is about to run over blocks [cursor, end) of one pass of a slice.

    `end` None is open-ended.
    """

    slice_id: int
    kind: str
    round: int
    step: int
    cursor: int
    end: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCommitted:
    """A batch is committed together with its checkpoint."""

    slice_id: int
    kind: str
    round: int
    step: int
    cursor: int
    end: int | None
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRetried:
    """A batch failed in a way that another try may mend; `reason` holds no data."""

    slice_id: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPassed:
    """The first slices were filled and found right: so many rows."""

    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuarantined:
    """A row cannot be filled, and was put in quarantine; `reason` holds no data."""

    slice_id: int
    sqlstate: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleHeld:
    """A signal of the throttle holds the backfill back; None where it has no number."""

    signal: str
    reason: str
    value: float | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleEnded:
    """A signal holds the backfill back no more."""

    signal: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEnded:
    """A round of the sweep is through the whole table."""

    round: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeVerified:
    """A range of the table was compared."""

    rows: int
    mismatches: int
    done: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryMeasured:
    """A declared query was run; `median_ms` None: it did not end in time."""

    moment: str
    query: str
    median_ms: float | None
    max_ms: float | None
    scans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPartBegan:
    """A part of a backup begins; `path` is the file it writes or reads, if it is about one."""

    part: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupGrew:
    """A file of a backup has so many bytes now."""

    part: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPartEnded:
    """A part of a backup is done; `bytes` counts what was written, if it wrote a file."""

    part: str
    seconds: float
    path: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run let the migration go."""

    migration_id: str
    outcome: str


Event = (
    RunBegan
    | PhaseBegan
    | PhaseEnded
    | StepBegan
    | StatementBegan
    | StatementEnded
    | StepEnded
    | WayBackClosed
    | LockWaited
    | SlicesCut
    | WalkShortened
    | BatchBegan
    | BatchCommitted
    | BatchRetried
    | RowQuarantined
    | CanaryPassed
    | ThrottleHeld
    | ThrottleEnded
    | SweepEnded
    | RangeVerified
    | QueryMeasured
    | BackupPartBegan
    | BackupGrew
    | BackupPartEnded
    | RunEnded
)
Listener = Callable[[Event], None]


def silence(event: Event) -> None:
    """Listen to nothing."""
    del event
