"""A plan as people read it: a table of its phases, then each statement with what it costs."""

import re
from collections.abc import Iterator
from itertools import groupby
from types import MappingProxyType
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.display.backup_text import backup_text
from cli.display.estimate_text import estimate_text
from cli.display.screen import mark
from cli.display.sql_text import Sql
from cli.display.words import plural, span
from pgtide.model.performance import Performance
from pgtide.model.state import State
from pgtide.model.statement import Finding, Lock
from pgtide.operate.plan import BackfillPlan, PlanDocument, PlanStatement

_INDENT: Final = 4
_COLOURS: Final = MappingProxyType({"writes": "yellow", "reads and writes": "bold yellow"})


def plan_text(plan: PlanDocument) -> RenderableType:
    """Draw a whole plan."""
    return Group(*_parts(plan))


def _parts(plan: PlanDocument) -> Iterator[RenderableType]:
    yield Text.assemble((plan.id, "bold"), f"  {plan.version}  ", (plan.description, "dim"))
    yield Text(_standing(plan))
    yield _backup(plan)
    yield _phases(plan)
    if plan.estimate:
        yield from estimate_text(plan.estimate)
    number = 0
    for step, rows in groupby(plan.statements, lambda row: row.step):
        together = list(rows)
        yield Rule(_heading(step, together[0]), align="left", style="dim")
        if plan.backfill and together[0].phase == "backfill":
            yield _indented(Text(_walk(plan.backfill)))
        yield _indented(Text(f"limit: {together[0].limit.text}", style="dim"), below=1)
        for row in together:
            number += 1
            yield _statement(number, row)
    yield from _sentences("Measured before and after", tuple(map(_measured, plan.queries)))
    yield from _sentences("What it waits for a person to decide", plan.waits)
    yield from _sentences("Who may write what, and when", plan.releases)
    yield from _sentences("Good to know", plan.notes)
    yield from _sentences("Warnings", plan.warnings, style="yellow")
    yield Text("This command has changed nothing.", style="dim")


def _measured(query: Performance) -> str:
    limit = f", at most {query.max_ms:g} ms" if query.max_ms is not None else ""
    return f"{' '.join(query.query.split())} ({plural(query.runs, 'run')}{limit}, no new full scan)"


def _standing(plan: PlanDocument) -> str:
    if plan.begun:
        over = "; there is no way back any more" if plan.state == State.COMPLETED else ""
        state = plan.state.replace("_", " ")
        return f"On {plan.table}. It has begun with this plan and is {state}{over}."
    return f"On {plan.table}. Nothing has begun; `pgtide up {plan.version}` would do this:"


def _backup(plan: PlanDocument) -> Text:
    begins = "It has begun" if plan.begun else "It begins"
    how = (
        f"{begins} with a backup, restored on trial"
        if plan.first_backup
        else f"{begins} without a backup before expand (PGTIDE_BACKUP_FIRST); contract takes one"
    )
    last = backup_text(plan.backup) if plan.backup else Text("none yet")
    return Text.assemble(f"{how}; the last one: ", last, ".")


def _phases(plan: PlanDocument) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("")
    table.add_column("phase")
    table.add_column("strongest lock", no_wrap=True)
    table.add_column("it blocks", overflow="fold")
    table.add_column("limit", overflow="fold")
    strength, first = list(Lock), plan.first_backup
    if first:
        took = f" ({span(first.seconds)} the last time)" if first.seconds else ""
        limit = f"{first.limit.text}{took}"
        table.add_row(mark(first.state), "backup", _spelled(first.lock), first.blocks, limit)
    for phase, rows in groupby(plan.statements, lambda row: row.phase):
        together = list(rows)
        top = max(together, key=lambda row: strength.index(Lock(row.lock)))
        states = {row.state for row in together}
        state = states.pop() if len(states) == 1 else "running"
        blocks = Text(top.blocks, style=_COLOURS.get(top.blocks, ""))
        table.add_row(mark(state), phase, _spelled(top.lock), blocks, top.limit.text)
    return table


def _heading(step: str, first: PlanStatement) -> Text:
    name = step.removeprefix(f"{first.phase}.")
    text = Text.assemble((first.phase, "bold cyan"), f"  {name}", (_how(first), "dim"))
    if first.state != "pending":
        text.append_text(Text.assemble("  ", mark(first.state), f" {first.state}"))
    return text


def _how(first: PlanStatement) -> str:
    if first.phase not in {"expand", "finalize", "contract", "purge"}:
        return ""
    return "  all in one transaction" if first.transactional else "  outside of a transaction"


def _walk(backfill: BackfillPlan) -> str:
    passes = "1 pass" if backfill.passes == 1 else f"{backfill.passes} passes"
    canary = f" The first {backfill.canary} alone, to be compared." if backfill.canary else ""
    return (
        f"{plural(backfill.blocks, 'block')}, {plural(backfill.slices, 'slice')}, {passes}, "
        f"batches of about {backfill.batch_ms} ms: {backfill.why}. "
        f"{plural(backfill.workers, 'worker')}: {backfill.workers_why}.{canary}"
    )


def _statement(number: int, row: PlanStatement) -> RenderableType:
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True, min_width=5)
    facts.add_column(overflow="fold")
    if row.lock != Lock.NONE:
        blocks = Text(row.blocks, style=_COLOURS.get(row.blocks, ""))
        facts.add_row("lock", Text.assemble(_spelled(row.lock), ", blocks ", blocks))
    if row.rewrites:
        facts.add_row("note", Text("rewrites the whole table under that lock", style="bold red"))
    for finding in row.findings:
        facts.add_row("lint", _finding(finding))
    facts.add_row("undo", _undo(row))
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", width=_digits(number), style="bold")
    grid.add_column(overflow="fold")
    grid.add_row(f"{number}", row.why)
    grid.add_row("", Sql(row.sql))
    grid.add_row("", facts)
    return Padding(grid, (0, 0, 1, 1), expand=False)


def _digits(number: int) -> int:
    return max(2, len(str(number)))


def _undo(row: PlanStatement) -> RenderableType:
    if row.irreversible:
        return Text(f"impossible, from here on: {row.irreversible}", style="bold red")
    return Sql(row.undo, style="") if row.undo else Text("none needed", "dim")


def _finding(finding: Finding) -> Text:
    accepted = f" Accepted: {finding.accepted}" if finding.accepted else ""
    style = "bold yellow" if finding.level == "error" else ""
    return Text(f"{finding.level} {finding.rule}: {finding.message}{accepted}", style=style)


def _spelled(lock: str) -> str:
    """Write a lock as the manual does: AccessExclusiveLock is ACCESS EXCLUSIVE."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", lock.removesuffix("Lock")).upper()


def _sentences(title: str, lines: tuple[str, ...], style: str = "") -> Iterator[RenderableType]:
    if not lines:
        return
    yield Text(title, style="bold")
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column()
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row("-", Text(line, style=style))
    yield Padding(grid, (0, 0, 1, 2), expand=False)


def _indented(text: Text, *, below: int = 0) -> Padding:
    return Padding(text, (0, 0, below, _INDENT), expand=False)
