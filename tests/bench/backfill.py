"""The ways to fill the new columns of a table, side by side: time, size, log, and who waited."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

from tests.bench.contender import Contender
from tests.bench.contenders import CONTENDERS
from tests.bench.dataset import Dataset
from tests.bench.footprint import Footprint, measured, minimal
from tests.bench.load import Waits, beside, medians
from tests.bench.rotation import rotated
from tests.small_table import run
from tests.users import DEFAULTED

# Long enough for a hundred statements beyond the 99th of a hundred.
IDLE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A contender's medians: what it leaves without the application, what that saw beside it."""

    contender: str
    rows: int
    seconds: float
    table_bytes_before: int
    table_bytes_after: int
    table_bytes_minimal: int
    index_bytes_before: int
    index_bytes_after: int
    wal_bytes: int
    hot_share: float
    app_p50_ms: float | None
    app_p99_ms: float | None
    app_max_ms: float | None
    app_failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All contenders, the seconds of each of their tries, and the application by itself."""

    figures: tuple[Figures, ...]
    seconds: dict[str, list[float]]
    idle: Waits


class Comparison:
    """Collect the tries of every contender."""

    def __init__(self, data: Dataset, rows: int) -> None:
        self._data = data
        self._rows = rows
        self._left: dict[str, list[Footprint]] = {one.name: [] for one in CONTENDERS}
        self._waits: dict[str, list[Waits]] = {one.name: [] for one in CONTENDERS}
        self._minimal: dict[str, int] = {}
        self._idle: list[Waits] = []

    def try_alone(self, contender: Contender) -> float:
        """Fill a copy of the table that nobody uses; return how long that took."""
        with self._data.copy(self._table(contender.kind)) as url:
            fill = contender.prepare(url)
            left = measured(url, fill)
            assert run(url, contender.left) == [(0,)], f"{contender.name} has left rows behind"
            if contender.name not in self._minimal:
                self._minimal[contender.name] = minimal(url)
        self._left[contender.name].append(left)
        return left.seconds

    def try_loaded(self, contender: Contender) -> None:
        """Fill a copy of the table while the application works."""
        with self._data.copy(self._table(contender.kind)) as url:
            self._waits[contender.name].append(beside(url, self._rows, contender.prepare(url)))

    def watch_idle(self) -> None:
        """Let the application work on a copy of the table that nobody migrates."""
        with self._data.copy(self._table(DEFAULTED)) as url:
            self._idle.append(beside(url, self._rows, partial(time.sleep, IDLE_SECONDS)))

    def compared(self) -> Compared:
        """Return the medians."""
        return Compared(
            figures=tuple(self._figures(one.name) for one in CONTENDERS),
            seconds={name: [one.seconds for one in tries] for name, tries in self._left.items()},
            idle=medians(self._idle),
        )

    def _table(self, kind: str) -> str:
        name = f"users_{sorted({one.kind for one in CONTENDERS}).index(kind)}"
        return self._data.table(self._rows, kind=kind, name=name)

    def _figures(self, name: str) -> Figures:
        tries, saw = self._left[name], medians(self._waits[name])

        def middle(figure: Callable[[Footprint], float]) -> int:
            return round(median(figure(one) for one in tries))

        return Figures(
            contender=name,
            rows=self._rows,
            seconds=median(one.seconds for one in tries),
            table_bytes_before=middle(lambda one: one.table_before),
            table_bytes_after=middle(lambda one: one.table_after),
            table_bytes_minimal=self._minimal[name],
            index_bytes_before=middle(lambda one: one.index_before),
            index_bytes_after=middle(lambda one: one.index_after),
            wal_bytes=middle(lambda one: one.wal),
            hot_share=median(one.hot_share for one in tries),
            app_p50_ms=saw.p50_ms,
            app_p99_ms=saw.p99_ms,
            app_max_ms=saw.max_ms,
            app_failures=saw.failures,
        )


def compare(data: Dataset, *, rows: int, rounds: int, say: Callable[[str], None]) -> Compared:
    """Let every contender fill copies of one table, in turn."""
    comparison = Comparison(data, rows)
    for number, contender in enumerate(rotated(CONTENDERS, rounds)):
        if number % len(CONTENDERS) == 0:
            comparison.watch_idle()
        seconds = comparison.try_alone(contender)
        comparison.try_loaded(contender)
        say(f"backfill, {rows:,} rows, {contender.name}: {seconds:.1f} s")
    return comparison.compared()
