"""However narrow the terminal, no part of a statement is left out."""

import io

from rich.console import Console

from cli.display.plan_text import plan_text
from pgtide.operate.limit import Limit
from pgtide.operate.plan import PlanDocument, PlanStatement

NAME = "a_column_whose_name_is_as_long_as_the_server_lets_one_be_63_byte"
SQL = f'ALTER TABLE "public"."t" ADD COLUMN "{NAME}" text DEFAULT \'{"x" * 90}\''
LIMIT = Limit(lock_wait_ms=1, lock_tries=1, pauses_ms=0, statement_ms=1, text="1 ms")


def drawn(width: int) -> str:
    statement = PlanStatement(
        phase="expand",
        step="expand.shape",
        state="pending",
        transactional=True,
        sql=SQL,
        why="room",
        lock="AccessExclusiveLock",
        blocks="reads and writes",
        limit=LIMIT,
        rewrites=False,
        undo=SQL.replace("ADD", "DROP"),
    )
    plan = PlanDocument(
        id="20260101_000000_a",
        version="1.0.0",
        description="a",
        table="public.t",
        state="planned",
        begun=False,
        first_backup=None,
        backup=None,
        statements=(statement,) * 101,
        backfill=None,
        estimate=None,
        queries=(),
        waits=(),
        releases=(),
        notes=(f"See {SQL}",),
        warnings=(),
    )
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=False).print(plan_text(plan))
    return file.getvalue()


def test_a_long_statement_is_folded_and_not_cut() -> None:
    for width in (60, 80):
        text = drawn(width)
        assert "…" not in text
        assert "".join(SQL.split()) in "".join(text.split())
        assert "101 room" in text
