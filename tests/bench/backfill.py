"""The ways to fill the new columns of a table, side by side: time, size, log, and who waited."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

from tests.bench.bench_table import BenchTable
from tests.bench.contender import Contender
from tests.bench.dataset import Dataset
from tests.bench.footprint import Footprint, measured, minimal
from tests.bench.load import Waits, beside, medians
from tests.bench.rotation import rotated
from tests.small_table import run

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
    app_failures: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All contenders on one table, each of their tries, and what the application saw.

    `waits` has nothing for one that no application worked beside; `idle` is the application by
    itself.
    """

    table: str
    figures: tuple[Figures, ...]
    tries: dict[str, list[Footprint]]
    waits: dict[str, Waits]
    idle: Waits | None

    def raced(self, contender: Contender) -> bool:
        """Tell whether one of them took part."""
        return any(one.contender == contender.name for one in self.figures)

    def of(self, contender: Contender) -> Figures:
        """Return the figures of one of them."""
        [found] = [one for one in self.figures if one.contender == contender.name]
        return found


# What goes on around a filling, in the database of this address.
Around = Callable[[str, Contender], AbstractContextManager[None]]


def undisturbed(url: str, contender: Contender) -> AbstractContextManager[None]:
    """Let nothing go on."""
    del url, contender
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Who fills which table of so many rows; beside the application too, or never.

    The `timed` are those whose time is claimed: they come again, alone and right after each other.
    The `gentle` are those beside whom the application's p99 is claimed: beside it they come again.
    """

    table: BenchTable
    rows: int
    contenders: Sequence[Contender]
    timed: Sequence[Contender] = ()
    gentle: Sequence[Contender] = ()
    application: bool = False
    around: Around = undisturbed


class Tries:
    """Collect the tries of every contender of a race."""

    def __init__(self, data: Dataset, race: Race) -> None:
        self._data = data
        self._race = race
        self._left: dict[str, list[Footprint]] = {one.name: [] for one in race.contenders}
        self._waits: dict[str, list[Waits]] = {}
        self._minimal: dict[str, int] = {}
        self._idle: list[Waits] = []

    def try_alone(self, contender: Contender) -> float:
        """Fill a copy of the table that nobody uses; return how long that took."""
        table = self._table(contender)
        with self._copy(contender) as url, contender.ready(url, table) as fill:
            with self._race.around(url, contender):
                footprint = measured(url, table.relation, fill)
            assert run(url, table.left) == [(0,)], f"{contender.name} has left rows behind"
            if contender.name not in self._minimal:
                self._minimal[contender.name] = minimal(url, table.relation)
        self._left[contender.name].append(footprint)
        return footprint.seconds

    def try_loaded(self, contender: Contender) -> None:
        """Fill a copy of the table while the application works."""
        if contender.offline:
            return
        with self._copy(contender) as url, contender.ready(url, self._table(contender)) as fill:
            waits = beside(url, contender.rows(self._race.rows), fill)
        self._waits.setdefault(contender.name, []).append(waits)

    def watch_idle(self) -> None:
        """Let the application work on a copy of the table that nobody migrates."""
        race = self._race
        with self._data.copy(self._data.table(race.table, race.rows)) as url:
            self._idle.append(beside(url, race.rows, partial(time.sleep, IDLE_SECONDS)))

    def compared(self) -> Compared:
        """Return the medians."""
        waits = {name: medians(tries) for name, tries in self._waits.items()}
        return Compared(
            table=self._race.table.name,
            figures=tuple(self._figures(one, waits.get(one.name)) for one in self._race.contenders),
            tries=self._left,
            waits=waits,
            idle=medians(self._idle) if self._idle else None,
        )

    def _table(self, contender: Contender) -> BenchTable:
        return contender.table or self._race.table

    def _copy(self, contender: Contender) -> AbstractContextManager[str]:
        table, rows = self._table(contender), contender.rows(self._race.rows)
        return self._data.copy(self._data.table(table, rows))

    def _figures(self, contender: Contender, saw: Waits | None) -> Figures:
        tries = self._left[contender.name]

        def middle(figure: Callable[[Footprint], float]) -> int:
            return round(median(figure(one) for one in tries))

        return Figures(
            contender=contender.name,
            rows=contender.rows(self._race.rows),
            seconds=median(one.seconds for one in tries),
            table_bytes_before=middle(lambda one: one.table_before),
            table_bytes_after=middle(lambda one: one.table_after),
            table_bytes_minimal=self._minimal[contender.name],
            index_bytes_before=middle(lambda one: one.index_before),
            index_bytes_after=middle(lambda one: one.index_after),
            wal_bytes=middle(lambda one: one.wal),
            hot_share=median(one.hot_share for one in tries),
            app_p50_ms=saw.p50_ms if saw else None,
            app_p99_ms=saw.p99_ms if saw else None,
            app_max_ms=saw.max_ms if saw else None,
            app_failures=saw.failures if saw else None,
        )


def compare(data: Dataset, race: Race, *, rounds: int, say: Callable[[str], None]) -> Compared:
    """Let every contender fill copies of one table, in turn."""
    tries = Tries(data, race)
    for number, contender in enumerate(rotated(race.contenders, rounds)):
        if race.application and number % len(race.contenders) == 0:
            tries.watch_idle()
        seconds = tries.try_alone(contender)
        if race.application:
            tries.try_loaded(contender)
        say(f"{race.table.name}, {race.rows:,} rows, {contender.name}: {seconds:.1f} s")
    # Minutes lie between two tries where an application comes between: long enough for a shared
    # machine to have become another one.
    for contender in rotated(race.timed, rounds):
        seconds = tries.try_alone(contender)
        say(f"{race.table.name}, {race.rows:,} rows, again, {contender.name}: {seconds:.1f} s")
    # Of the thousand statements of one try ten are beyond its p99: twice as many tries say more,
    # and so does what the same minute shows without any.
    for number, contender in enumerate(rotated(race.gentle, rounds)):
        if number % len(race.gentle) == 0:
            tries.watch_idle()
        tries.try_loaded(contender)
        say(f"{race.table.name}, {race.rows:,} rows, beside the application, {contender.name}")
    return tries.compared()
