"""An estimate as a paragraph: ranges in plain words, and what nobody knows."""

import io

from rich.console import Console, Group

from cli.display.estimate_text import estimate_text
from pgtide.model.estimate import NOTHING, Estimate, Range, Room


def drawn(*, free: int | None, source: str, weeks: Range | None = None) -> str:
    found = Estimate(
        rows=Range(low=1_000_000, high=1_100_000),
        seconds=Range(low=90.0, high=900.0),
        wal_bytes=Range(low=120_000_000, high=910_000_000),
        table_bytes=Range(low=30_000_000, high=30_000_000),
        index_bytes=Range(low=0, high=4_000_000),
        backup_bytes=NOTHING,
        disk_bytes=Range(low=30_000_000, high=2_100_000_000),
        room=Room(free_bytes=free, source=source),
        sampled=9_000,
        failing=0,
        week_seconds=None if weeks is None else 3_600.0,
        weeks=weeks,
        basis=("a sample of 9,000 rows",),
    )
    file = io.StringIO()
    Console(file=file, width=100, force_terminal=False).print(Group(*estimate_text(found)))
    return " ".join(file.getvalue().split())


def test_ranges_are_said_with_their_unit_once() -> None:
    assert drawn(free=8_000_000_000, source="seen on this machine") == (
        "It is expected to write 1,000,000 to 1,100,000 rows in 1 min 30 s to 15 min; "
        "grow the table by 30 MB, its indexes by 0 bytes to 4.0 MB; write 120 to 910 MB of WAL; "
        "need 30 MB to 2.1 GB of the server's disk at once, where 8.0 GB are free "
        "(seen on this machine). Based on this: a sample of 9,000 rows."
    )


def test_what_nobody_knows_is_said_and_so_are_the_weeks() -> None:
    text = drawn(free=None, source="not known: ask", weeks=Range(low=0.02, high=0.25))
    assert "at once, where what is free is not known: ask; take 0.0 to 0.2 weeks" in text
    assert "of its windows, which are open for 1 h a week." in text
