"""What the demo measured, as one value: the closing screen and `result.json` both show it."""

from dataclasses import dataclass

from demo.accounting import Account
from demo.crash import Crash
from demo.damage import Damage
from demo.database import Sizes
from demo.growth import Yardsticks
from demo.noise import Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTime:
    """How long a phase took by the ledger, and how many rows it was about."""

    phase: str
    seconds: float
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the applications saw from the first phase to the end of `down`; times in seconds.

    `longest_own` leaves out the time in which the disk itself stood still, of which the longest was
    `longest_sync`.
    """

    statements: int
    per_second: float
    failed: int
    # The first few, as the server said them.
    errors: tuple[str, ...]
    median: float
    longest: float
    longest_during: str
    longest_own: float
    longest_sync: float


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
    """What is there after `down`."""

    dump_identical: bool
    remnants: tuple[str, ...]
    account: Account
    # Rows that nobody wrote and that are not what they were.
    changed_unasked: int
    archived: int
    # Verified users, unchanged since, whose date is not in the archive.
    not_archived: int


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
    growth: Yardsticks
    migrated: Sizes
    first: Check
    repair: Repair
    undone: Undone
