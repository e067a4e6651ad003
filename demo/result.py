"""What the demo measured, as one value: the closing screen and `result.json` both show it."""

from dataclasses import dataclass

from demo.accounting import Account
from demo.crash import Crash
from demo.damage import Damage
from demo.database import Sizes
from demo.growth import Yardsticks
from demo.noise import Noise
from demo.roll import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTime:
    """How long a phase took by the ledger, and how many rows it was about."""

    phase: str
    seconds: float
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneWait:
    """The longest statement that began in a scene, in seconds; `alone` as in Traffic."""

    scene: str
    longest: float
    alone: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the applications saw from the backup to the end of purge; times in seconds.

    `longest_alone` leaves out the time in which the control waited too, at most `longest_control`.
    """

    statements: int
    per_second: float
    failed: int
    # The first few, as the server said them.
    errors: tuple[str, ...]
    median: float
    longest: float
    longest_during: str
    longest_alone: float
    longest_control: float
    # Those of the scenes in which a strong lock was taken.
    locked: tuple[SceneWait, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A verification: its level, the rows it read, and how many were wrong."""

    level: str
    rows: int
    mismatches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A row that was spoilt: what verification named, what it exited with, and the check after."""

    damage: Damage
    exit_code: int
    mismatches: int
    named: tuple[int, ...]
    mended: bool
    check: Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What is there after `safe_rollback_migration`, and what it answered."""

    answer: str
    dump_identical: bool
    remnants: tuple[str, ...]
    # Writes of all releases until then, looked for in the old columns.
    account: Account
    archived: int
    # Verified users, unchanged since, whose date is not in the archive.
    not_archived: int
    # Dates in the archive that are not what verified_at was.
    wrong_dates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What is there after purge."""

    remnants: tuple[str, ...]
    # What the table's definition has now and had not, and the other way round.
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    account: Account
    # Rows that nobody wrote and that are not what they were.
    changed_unasked: int
    # Who decided what and why, as `pgtide history` has it.
    decisions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """How long a release was out: from which state of the migration to which."""

    release: str
    title: str
    began: str
    ended: str
    statements: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A backup that was restored into a scratch database; seconds of that restore."""

    rows: int
    restore_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """A backfill that nobody killed: its workers, its time, and the longest wait meanwhile."""

    workers: int
    rows: int
    seconds: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that the demo measured in one run."""

    rows: int
    setup_seconds: float
    story_seconds: float
    disk_bytes: int
    noise: Noise
    phases: tuple[PhaseTime, ...]
    traffic: Traffic
    crash: Crash
    # The second migration's.
    filling: Filling
    growth: Yardsticks
    migrated: Sizes
    first: Check
    repair: Repair
    backup: Tried
    undone: Undone
    completed: Completed
    stays: tuple[Stay, ...]
    # Every process that the demo started.
    processes: tuple[Process, ...]
