"""The live picture of a run: its phases, the one at work, and what it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.display.view import View
from cli.display.words import between, percent, span
from pgtide.model.state import Phase, State
from pgtide.operate.status import MigrationStatus, PhaseStatus

_MARKS: Final = MappingProxyType(
    {
        "done": ("✓", "green"),
        "failed": ("✗", "red"),
        "paused": ("‖", "yellow"),
        "running": ("●", "cyan"),
        "pending": ("·", "dim"),
    }
)
_BAR: Final = 24
_SHOWN_BLOCKERS: Final = 3
# What a run can meet on its way; what must come before it, it has been let past.
_MET: Final = frozenset({"hold", "throttle", "lock"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A phase as the display shows it."""

    phase: str
    state: str
    seconds: float | None
    rows: int | None


def lines(view: View, status: MigrationStatus | None, shown: Sequence[str]) -> list[Line]:
    """Return the phases to show: what the ledger says, and what this run has just done."""
    # What an undone passage had done says nothing of the one that begins.
    phases = status.phases if status and status.state != State.ROLLED_BACK else ()
    known: dict[str, PhaseStatus] = {one.phase: one for one in phases}
    ended = {one.phase: one for one in view.ended}
    found = []
    for phase in shown:
        before, now = known.get(phase), ended.get(phase)
        state = before.state if before else "pending"
        seconds, rows = (before.seconds, before.rows) if before else (None, None)
        if now:
            state, seconds, rows = "done", now.seconds, now.rows
        if view.phase == phase:
            state = "running"
        elif state == "running":
            # Interrupted; or begun by a run that was killed, and this one comes to it in a moment.
            state = "paused" if view.over else "pending"
        found.append(Line(phase=phase, state=state, seconds=seconds, rows=rows))
    return found


def mark(state: str) -> Text:
    """Return the sign of a phase's state."""
    sign, style = _MARKS.get(state, ("·", "dim"))
    return Text(sign, style=style)


def screen(
    view: View,
    status: MigrationStatus | None,
    shown: Sequence[str],
    spinner: Spinner,
    *,
    told: str | None = None,
) -> RenderableType:
    """Draw a run as it stands; `told` is a sentence that stands below it."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=1)
    grid.add_column(min_width=8)
    grid.add_column(justify="right", min_width=7)
    grid.add_column(ratio=1)
    for line in lines(view, status, shown):
        active = line.state == "running"
        grid.add_row(
            spinner if active else mark(line.state),
            Text(line.phase, style="bold" if active else "dim" if line.state == "pending" else ""),
            span(line.seconds) if line.seconds is not None else "",
            _at_work(view, status) if active else _result(line),
        )
    # Once the run is over, the error says what it waits for.
    below = [text for text in (None if view.over else waits(view, status), told) if text]
    return Group(grid, *(Text(f"\n{text}", style="yellow") for text in below))


def figures(view: View, status: MigrationStatus | None) -> str:
    """Return the figures of the phase at work, in one line."""
    if view.phase == Phase.BACKFILL and status and status.percent is not None:
        return ", ".join([percent(status.percent), *_backfill(status)])
    if view.compared is not None:
        seen = view.compared
        found = f", {seen.mismatches:,} out of step" if seen.mismatches else ""
        return f"{percent(round(seen.done * 100))}, {seen.rows:,} rows compared{found}"
    if view.phase == Phase.ROLLBACK and view.rows:
        return f"{view.rows:,} rows with values kept in pgtide.archive"
    return view.step or ""


def waits(view: View, status: MigrationStatus | None) -> str | None:
    """Say in words what the run waits for, if it does."""
    if view.lock is not None:
        who = view.lock.blockers[:_SHOWN_BLOCKERS]
        names = "; ".join(who) if who else "a session that has ended meanwhile"
        return (
            f"waiting for {view.lock.awaited} (try {view.lock.attempt} of {view.lock.tries}); "
            f"in the way: {names}"
        )
    met = [wait.text for wait in status.waiting_for if wait.kind in _MET] if status else []
    return f"waiting for {'; '.join(met)}" if met else None


def _at_work(view: View, status: MigrationStatus | None) -> RenderableType:
    text = figures(view, status)
    if view.phase == Phase.BACKFILL and status and status.percent is not None:
        return _barred(status.percent, text)
    if view.compared is not None:
        return _barred(view.compared.done * 100, text)
    return Text(text, style="dim")


def _barred(done: float, text: str) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=_BAR)
    grid.add_column(ratio=1)
    grid.add_row(ProgressBar(total=100, completed=done, width=_BAR), text)
    return grid


def _backfill(status: MigrationStatus) -> list[str]:
    parts = [f"{status.rows_done:,} rows"]
    if status.rows_total:
        parts = [f"{status.rows_done:,} of {status.rows_total:,} rows"]
    if status.rows_per_second:
        parts.append(f"{status.rows_per_second:,.0f} rows/s")
    if status.eta_low and status.eta_high:
        now = datetime.now(UTC)
        low, high = ((at - now).total_seconds() for at in (status.eta_low, status.eta_high))
        parts.append(f"done in {between(low, high)}")
    return parts


def _result(line: Line) -> Text:
    return Text(f"{line.rows:,} rows" if line.rows is not None else "", style="dim")
