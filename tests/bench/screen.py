"""What people see of a run: the figures of each comparison, and the verdict on each claim."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.application import RATE
from tests.bench.backfill import Compared
from tests.bench.gate import Gate
from tests.bench.load import Waits
from tests.bench.orchestration import Orchestrated
from tests.bench.scaling import Scaled
from tests.bench.undo import Undone

# On a pipe, rich would fold every table to 80 columns.
WIDTH: Final = 140
_MB: Final = 1_000_000


def show_undo(console: Console, measured: Sequence[Undone]) -> None:
    """Print how long each way of undoing kept the application waiting."""
    table = _table(
        "undo of a contracted migration, medians (smallest - largest)",
        *("way", "rows", "lock held", "writer's longest wait", "the same before", "whole undo"),
    )
    for one in measured:
        table.add_row(
            one.way,
            f"{one.rows:,}",
            _spread([each.hold for each in one.tries], middle=one.hold),
            _spread([each.stall for each in one.tries]),
            _spread([each.quiet for each in one.tries]),
            f"{median([each.seconds for each in one.tries]):,.1f} s",
        )
    console.print(table)


def show_backfill(console: Console, title: str, compared: Compared) -> None:
    """Print what each contender took, left behind, and made the application wait."""
    idle = compared.idle
    application = ("app p50", "app p99", "app max", "failed", "rate") if idle else ()
    table = _table(
        f"{title}: backfill, medians; table and indexes as multiples of the same rows freshly"
        " written, and of before",
        *("contender", "seconds (all tries)", "table", "indexes", "WAL", "HOT"),
        *application,
    )
    for one in compared.figures:
        tries = [each.seconds for each in compared.tries[one.contender]]
        saw = compared.waits.get(one.contender)
        table.add_row(
            one.contender,
            f"{one.seconds:,.1f} ({min(tries):,.1f} - {max(tries):,.1f})",
            f"{one.table_bytes_after / one.table_bytes_minimal:.2f}",
            f"{one.index_bytes_after / one.index_bytes_before:.2f}",
            f"{one.wal_bytes / _MB:,.0f} MB",
            f"{one.hot_share:.0%}",
            *(_waits(saw) if saw else ()),
        )
    if idle:
        table.add_row("nobody migrates", "", "", "", "", "", *_waits(idle))
    console.print(table)
    if idle:
        console.print(
            f"The application wants {RATE} statements a second; the rate is what it had answered"
            " while the contender worked. A wait counts from when a statement was due."
        )


def show_scaling(console: Console, measured: Sequence[Scaled]) -> None:
    """Print what a row costs on tables of each size, and how a worker's process grew."""
    table = _table(
        "scaling, medians, from the first batch on; the process in the run in which it grew most",
        *("contender", "rows", "seconds (all runs)", "a row", "memory at first", "at most"),
    )
    for one in measured:
        process = one.process
        table.add_row(
            one.contender,
            f"{one.rows:,}",
            f"{one.seconds:,.2f} ({min(one.tries):,.2f} - {max(one.tries):,.2f})",
            f"{one.per_row:.2f} µs",
            f"{process.first_bytes / _MB:,.0f} MB" if process else "",
            f"{process.most_bytes / _MB:,.0f} MB" if process else "",
        )
    console.print(table)


def show_orchestration(console: Console, measured: Orchestrated) -> None:
    """Print how long a backfill took with Prefect around it and without."""
    table = _table(
        f"orchestration, {measured.rows:,} rows, medians (smallest - largest)",
        *("contender", "seconds from the first batch to the last", "all of it", "of without"),
    )
    for name, seconds in measured.walked.items():
        table.add_row(
            name,
            f"{median(seconds):,.2f} ({min(seconds):,.2f} - {max(seconds):,.2f})",
            f"{median(measured.whole[name]):,.2f}",
            f"{measured.ratio(name):.3f}",
        )
    console.print(table)


def show_gates(console: Console, title: str, gates: Sequence[Gate]) -> None:
    """Print each claim with its figures, and whether they bear it out."""
    table = _table(title, "claim", "", "measured")
    for gate in gates:
        verdict = "[green]kept[/]" if gate.kept else "[bold red]NOT KEPT[/]"
        table.add_row(gate.claim, verdict, gate.measured)
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number and column else "left")
    if len(columns) == len(("claim", "", "measured")):
        table.columns[-1].justify = "left"
    return table


def _waits(saw: Waits) -> tuple[str, ...]:
    times = (saw.p50_ms, saw.p99_ms, saw.max_ms)
    return (*(_ms(each) for each in times), f"{saw.failures:,}", f"{saw.per_second:,.0f}/s")


def _spread(seconds: Sequence[float], *, middle: float | None = None) -> str:
    shown = median(seconds) if middle is None else middle
    return f"{_ms(shown * 1000)} ({_ms(min(seconds) * 1000)} - {_ms(max(seconds) * 1000)})"


def _ms(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:,.{0 if milliseconds >= 10 else 1}f} ms"
