"""For how long an undo keeps the application waiting, on a table and on one of ten times the rows.

The archive, which grows with the table, must not be under the lock. The control is an undo that
writes all rows under it: a bench that does not see that one grow proves nothing.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.dataset import Dataset
from tests.bench.rotation import rotated
from tests.bench.undoing import WAYS
from tests.driving import migrate
from tests.later import contract
from tests.lock_watch import watching_locks
from tests.prober import probing
from tests.small_table import run
from tests.users import DEFAULTED, MIGRATION_ID, create_users, email_migration

TIMES: Final = 10
# The writer is watched as long before each undo as most of them take.
QUIET_SECONDS: Final = 3.0
_WRITE: Final = (
    "UPDATE public.users SET name = 'written'"
    " WHERE id = 3 * (SELECT 1 + floor(random() * {rows})::bigint)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One undo: how long the lock was held, and how long a writer's statement took at most.

    All in seconds. `quiet` and `blink` are of the time before: the writer's longest statement, and
    the longest time between two looks at the lock.
    """

    way: str
    rows: int
    hold: float
    stall: float
    quiet: float
    blink: float
    seconds: float
    failures: int

    @property
    def waited(self) -> float:
        """Return the writer's longest statement, less what it takes without an undo."""
        return max(0.0, self.stall - self.quiet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """All tries of one way on a table of one size."""

    way: str
    rows: int
    tries: tuple[Try, ...]

    @property
    def hold(self) -> float:
        """Return the median time for which the lock was held."""
        return median(one.hold for one in self.tries)

    @property
    def waited(self) -> float:
        """Return the median of what the writer waited longer than before."""
        return median(one.waited for one in self.tries)

    @property
    def noise(self) -> float:
        """Return what a hold may be off by: what this machine did to the same act, and a blink.

        The same undo of the same rows takes now a little, now more: as much as the worst of its
        tries is above the median, another median may be above this one.
        """
        spread = max(one.hold for one in self.tries) - self.hold
        return spread + median(one.blink for one in self.tries)

    def document(self) -> dict[str, object]:
        """Return what is written down of it."""
        return {
            "way": self.way,
            "rows": self.rows,
            "hold_seconds": self.hold,
            "waited_seconds": self.waited,
            "noise_seconds": self.noise,
            "tries": [asdict(each) for each in self.tries],
        }


def measure(
    data: Dataset, *, rows: int, rounds: int, say: Callable[[str], None]
) -> tuple[Undone, ...]:
    """Undo by every way, in turn, on tables of so many rows and of ten times as many."""
    sizes = (rows, rows * TIMES)
    turns = [(way, size) for size in sizes for way in WAYS]
    tries: list[Try] = []
    for way, size in rotated(turns, rounds):
        with data.copy(contracted(data, size)) as url:
            tries.append(_undo(url, way=way, rows=size))
        say(f"undo, {size:,} rows, {way}: lock held {tries[-1].hold * 1000:.0f} ms")
    return tuple(
        Undone(
            way=way,
            rows=size,
            tries=tuple(one for one in tries if (one.way, one.rows) == (way, size)),
        )
        for way, size in turns
    )


def contracted(data: Dataset, rows: int) -> str:
    """Return the database in which the strategy's migration of so many rows was contracted."""

    def make(url: str) -> None:
        create_users(url, rows=rows, kind=DEFAULTED)
        migrate(url, email_migration())
        contract(url, MIGRATION_ID)
        run(url, "VACUUM (ANALYZE) public.users")

    return data.made(f"contracted_{rows}", make)


def _undo(url: str, *, way: str, rows: int) -> Try:
    write = _WRITE.format(rows=rows)
    # As old as a table in use: its pages are in memory, its first writes are behind it.
    run(url, "SELECT count(*) FROM public.users", "CHECKPOINT")
    with (
        watching_locks(url, "public.users") as before,
        probing(url, write) as quiet,
    ):
        time.sleep(QUIET_SECONDS)
    with (
        _folder() as folder,
        watching_locks(url, "public.users") as holds,
        probing(url, write) as stalls,
    ):
        begun = time.monotonic()
        WAYS[way](url, folder)
        seconds = time.monotonic() - begun
    assert holds.sightings, f"the lock of {way} was never seen"
    return Try(
        way=way,
        rows=rows,
        hold=holds.longest,
        stall=stalls.longest,
        quiet=quiet.longest,
        blink=before.blink,
        seconds=seconds,
        failures=len(quiet.failures) + len(stalls.failures),
    )


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pgtide-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
