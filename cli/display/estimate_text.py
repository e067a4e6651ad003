"""What a migration will take, as a paragraph."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from cli.display.words import between, data_size, sizes_between, span
from pgtide.model.estimate import NOTHING, Estimate, Range, Room


def estimate_text(estimate: Estimate) -> Iterator[RenderableType]:
    """Say what is to be expected, and what that is based on."""
    yield Text(f"It is expected to {'; '.join(_expected(estimate))}.")
    yield Text(f"Based on this: {'; '.join(estimate.basis)}.\n", style="dim")


def _expected(one: Estimate) -> Iterator[str]:
    yield f"write {_rows(one.rows)} in {between(one.seconds.low, one.seconds.high)}"
    yield f"grow the table by {_sizes(one.table_bytes)}, its indexes by {_sizes(one.index_bytes)}"
    yield f"write {_sizes(one.wal_bytes)} of WAL"
    if one.backup_bytes != NOTHING:
        yield f"take a backup of {_sizes(one.backup_bytes)}"
    yield f"need {_sizes(one.disk_bytes)} of the server's disk at once, where {_free(one.room)}"
    if one.weeks is not None and one.week_seconds is not None:
        weeks = f"{one.weeks.low:.1f} to {one.weeks.high:.1f} weeks"
        yield f"take {weeks} of its windows, which are open for {span(one.week_seconds)} a week"


def _free(room: Room) -> str:
    if room.free_bytes is None:
        return f"what is free is {room.source}"
    return f"{data_size(room.free_bytes)} are free ({room.source})"


def _rows(found: Range) -> str:
    low, high = f"{found.low:,.0f}", f"{found.high:,.0f}"
    return f"{high} rows" if low == high else f"{low} to {high} rows"


def _sizes(found: Range) -> str:
    return sizes_between(round(found.low), round(found.high))
