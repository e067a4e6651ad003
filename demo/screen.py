"""The closing screen: what this run measured, in plain words, and where to look."""

import shlex
import sys
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.promises import Promise, promises
from demo.result import Result
from flows.local_server import LocalServer

_MEGABYTE = 1_000_000
# For kept, broken, and not judged.
_MARKS: Final[dict[bool | None, tuple[str, str]]] = {
    True: ("ok", "green"),
    False: ("NO", "red"),
    None: ("??", "yellow"),
}


def show(console: Console, result: Result) -> None:
    """Print the screen."""
    verdicts = promises(result)
    verdict, color = _verdict(verdicts)
    parts: list[RenderableType] = [
        Text(verdict, style=f"bold {color}"),
        Text(),
        _table(result, verdicts),
        _rollout(result),
    ]
    console.print()
    console.print(
        Panel(
            Group(*parts),
            title="what this run measured",
            border_style=color,
            padding=(1, 1),
        )
    )


def _verdict(verdicts: tuple[Promise, ...]) -> tuple[str, str]:
    """Return the sentence over all, and its colour."""
    broken = ", ".join(one.name for one in verdicts if one.kept is False)
    unjudged = ", ".join(one.name for one in verdicts if one.kept is None)
    if broken:
        return f"NOT KEPT: {broken}.", "red"
    if unjudged:
        return f"NOT JUDGED: {unjudged}; run it again. Every other promise was kept.", "yellow"
    return "Killed, repaired, contracted, undone, done again: every promise kept.", "green"


def _rollout(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("release that was out")
    table.add_column("from")
    table.add_column("until")
    table.add_column("statements", justify="right")
    table.add_column("failed", justify="right")
    for stay in result.stays:
        table.add_row(
            stay.title, stay.began, stay.ended, f"{stay.statements:,}", f"{stay.failed:,}"
        )
    return table


def where_to_look(place: Path) -> Text:
    """Say what is left of a demo that took everything down."""
    return Text(
        f"\nWhere to look: {place}\n"
        "   result.json               every figure of this screen\n"
        "   users-before.sql, -undone, -after  the table's dumps\n"
        "   A.jsonl, B.jsonl, C.jsonl  each statement of each release\n"
        "`pgtide demo --keep` (make demo KEEP=1) leaves both servers running, for\n"
        "`pgtide history`, `pgtide status`, psql and Prefect's own screen.\n"
    )


def how_to_look_around(home: str, prefect: LocalServer) -> Text:
    """Say how to look at servers that were left running, and how to stop them."""
    programs = Path(sys.executable).parent
    return Text.assemble(
        "\nEverything is still there. Look around:\n",
        (f"   export PATH={shlex.quote(str(programs))}:$PATH\n", "bold"),
        (f"   export PGTIDE_HOME={shlex.quote(home)}\n", "bold"),
        ("   pgtide history      ", "bold"),
        "who did what, line by line\n",
        ("   pgtide status       ", "bold"),
        "where the migration stands, its phases and times\n",
        ("   pgtide postgres url ", "bold"),
        "the database's address, for psql\n",
        (f"   {prefect.ui_url}\n", "bold"),
        "                       the flow runs in Prefect's own screen\n",
        "Stop it all:\n",
        (f"   pgtide postgres stop; kill {prefect.pid}\n", "bold"),
    )


def _table(result: Result, verdicts: tuple[Promise, ...]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for one in verdicts:
        mark, color = _MARKS[one.kept]
        said = Text(one.measured, style="" if one.kept else color)
        table.add_row(Text(mark, style=color), one.name, said)
    table.add_row()
    table.add_row("", "backfill", _filling(result))
    table.add_row("", "one UPDATE", _one_update(result))
    table.add_row("", "phases", _phases(result))
    table.add_row("", "this run", _times(result))
    return table


def _filling(result: Result) -> str:
    one = result.filling
    workers = "1 worker" if one.workers == 1 else f"{one.workers} workers"
    return (
        f"{workers}, under load: {one.rows:,} rows in {one.seconds:.1f} s "
        f"({one.rows / one.seconds:,.0f} a second); nobody waited for longer than "
        f"{one.longest * 1000:.0f} ms"
    )


def _one_update(result: Result) -> str:
    update = result.growth.update
    return (
        f"of a copy without load: {update.seconds:.1f} s; who wrote a row of it waited for up to "
        f"{update.longest:.1f} s"
    )


def _phases(result: Result) -> str:
    parts = [f"{one.phase} {one.seconds:.1f} s" for one in result.phases]
    return ", ".join(parts) + "; the backfill from its first begin to its end, kill included"


def _times(result: Result) -> str:
    return (
        f"{result.rows:,} rows; {result.setup_seconds:.0f} s to prepare, "
        f"{result.story_seconds:.0f} s of story, "
        f"at most {result.disk_bytes / _MEGABYTE:,.0f} MB of disk"
    )
