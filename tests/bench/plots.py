"""The figures as pictures, for people who would rather look than read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.backfill import Compared
from tests.bench.contenders import BY_ITSELF, ONE_UPDATE, PGTIDE
from tests.bench.scaling import Scaled

_DPI: Final = 120
_OURS: Final = "#1b7f9e"
_OURS_LIGHT: Final = "#8cc5d6"
_OTHERS: Final = "#9a9a9a"
_OTHERS_LIGHT: Final = "#cfcfcf"
_MARK: Final = "#b03a2e"
_SHADES: Final = ("#8cc5d6", "#1b7f9e", "#0f4c5c")
_NAMES: Final = frozenset(one.name for one in (*PGTIDE, BY_ITSELF))


def times(path: Path, compared: Compared) -> None:
    """Draw how long each took, from its fastest try to its slowest."""
    figure, axes = _figure(rows=len(compared.figures))
    for place, one in enumerate(compared.figures):
        tries = [each.seconds for each in compared.tries[one.contender]]
        spread = [[one.seconds - min(tries)], [max(tries) - one.seconds]]
        axes.barh(place, one.seconds, xerr=spread, color=_colour(one.contender), capsize=3)
        axes.annotate(f" {one.seconds:,.1f} s", (max(tries), place), va="center", fontsize=9)
    axes.margins(x=0.12)
    _name(axes, [_named(compared, one.contender, one.rows) for one in compared.figures])
    axes.set_xlabel("seconds, median; from the fastest try to the slowest")
    _save(figure, path, axes, f"Filling the new columns of {compared.figures[0].rows:,} rows")


def sizes(path: Path, compared: Compared) -> None:
    """Draw what is left of table and indexes, as multiples."""
    figure, axes = _figure(rows=len(compared.figures))
    for place, one in enumerate(compared.figures):
        ours = one.contender in _NAMES
        pair = (
            (one.table_bytes_after / one.table_bytes_minimal, _OURS if ours else _OTHERS),
            (
                one.index_bytes_after / one.index_bytes_before,
                _OURS_LIGHT if ours else _OTHERS_LIGHT,
            ),
        )
        for (ratio, colour), shift in zip(pair, (-0.2, 0.2), strict=True):
            axes.barh(place + shift, ratio, height=0.38, color=colour)
            axes.annotate(f" {ratio:.2f}", (ratio, place + shift), va="center", fontsize=8)
    axes.axvline(1.0, color=_MARK, linewidth=1, linestyle="--")
    axes.margins(x=0.1)
    _name(axes, [one.contender for one in compared.figures])
    axes.set_xlabel("dark: table, of the same rows freshly written; light: indexes, of before")
    _save(figure, path, axes, "What a backfill leaves behind")


def waits(path: Path, compared: Compared) -> None:
    """Draw what the application waited, beside what it waits by itself."""
    seen = [one for one in compared.figures if one.contender in compared.waits]
    figure, axes = _figure(rows=len(seen))
    for place, one in enumerate(seen):
        if one.app_p99_ms and one.app_max_ms:
            axes.barh(place, one.app_p99_ms, color=_colour(one.contender))
            axes.plot(one.app_max_ms, place, marker="|", markersize=12, color="black")
            axes.annotate(f"  {one.app_max_ms:,.0f} ms", (one.app_max_ms, place), va="center")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.2)
    if compared.idle and compared.idle.p99_ms:
        axes.axvline(compared.idle.p99_ms, color=_MARK, linewidth=1, linestyle="--")
    _name(axes, [one.contender for one in seen])
    axes.set_xlabel(
        "ms, logarithmic: p99 (bar) and longest wait (mark); dashed: p99 while nobody migrates"
    )
    _save(figure, path, axes, "What the application waits for a statement")


def tables(path: Path, all_compared: Sequence[Compared]) -> None:
    """Draw pgtide's time and table on every other table, of one UPDATE's."""
    figure = Figure(figsize=(9.5, 7.5), dpi=_DPI, layout="constrained")
    panels: Sequence[Axes] = figure.subplots(2, 1)
    ours = [one for one in PGTIDE if all_compared[0].raced(one)]
    for axes, what in zip(panels, ("seconds", "table_bytes_after"), strict=True):
        for number, contender in enumerate(ours):
            ratios = [
                getattr(one.of(contender), what) / getattr(one.of(ONE_UPDATE), what)
                for one in all_compared
            ]
            places = [place + 0.27 * (number - 1) for place in range(len(ratios))]
            bars = axes.bar(places, ratios, width=0.25, color=_SHADES[number], label=contender.name)
            axes.bar_label(bars, fmt="%.2f", fontsize=8)
        axes.axhline(1.0, color=_MARK, linewidth=1, linestyle="--")
        axes.margins(y=0.15)
        axes.set_xticks(range(len(all_compared)), [one.table for one in all_compared])
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_title("Other tables: time, of one UPDATE's", loc="left")
    panels[1].set_title("Other tables: size afterwards, of what one UPDATE leaves", loc="left")
    panels[0].legend(frameon=False, fontsize=9, ncols=3, loc="upper left")
    figure.savefig(path)


def scaling(path: Path, measured: Sequence[Scaled]) -> None:
    """Draw what a row costs on tables of each size."""
    figure = Figure(figsize=(9.5, 5), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(one.contender for one in measured):
        mine = [one for one in measured if one.contender == name]
        rows, per_row = [one.rows for one in mine], [one.per_row for one in mine]
        spread = [
            [one.per_row - 1e6 * min(one.tries) / one.rows for one in mine],
            [1e6 * max(one.tries) / one.rows - one.per_row for one in mine],
        ]
        axes.errorbar(
            rows, per_row, yerr=spread, marker="o", capsize=3, color=_colour(name), label=name
        )
    axes.set_xscale("log")
    axes.set_xticks([], minor=True)
    sizes_there = sorted({one.rows for one in measured})
    axes.set_xticks(sizes_there, [f"{one:,}" for one in sizes_there])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("rows")
    axes.set_ylabel("microseconds a row")
    axes.legend(frameon=False)
    _save(figure, path, axes, "What a row costs on tables of each size")


def _figure(*, rows: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9.5, 1.4 + 0.5 * rows), dpi=_DPI, layout="constrained")
    return figure, figure.subplots()


def _colour(name: str) -> str:
    return _OURS if name in _NAMES else _OTHERS


def _named(compared: Compared, contender: str, rows: int) -> str:
    return contender if rows == compared.figures[0].rows else f"{contender} ({rows:,} rows)"


def _name(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()


def _save(figure: Figure, path: Path, axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
