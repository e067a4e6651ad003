"""Status as people read it: one migration in full, several in a table."""

from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.display.backup_text import backup_text
from cli.display.screen import mark
from cli.display.words import between, moment, percent, plural, span
from pgtide.ledger.throttled import Throttled
from pgtide.model.gate import Verdict
from pgtide.model.performance import QueryStanding, head
from pgtide.model.state import RUNNING, UNTOUCHED, State
from pgtide.operate.gates import GateStatus, Mended
from pgtide.operate.status import MigrationStatus, PhaseStatus
from pgtide.operate.throttle import RateStatus
from pgtide.operate.verified import VerificationStatus
from pgtide.operate.worker import Worker

_BAR = 40
_STYLES = {
    State.VERIFIED: "green",
    State.CONTRACTED: "green",
    State.COMPLETED: "green",
    State.FAILED: "red",
    State.ROLLBACK_FAILED: "red",
    State.PAUSED: "yellow",
    State.PLANNED: "dim",
    State.ROLLED_BACK: "dim",
}


def overview(found: list[MigrationStatus]) -> RenderableType:
    """Draw a table of all migrations, and a sentence for each that is not at its end."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("migration", overflow="fold")
    table.add_column("version")
    table.add_column("state")
    table.add_column("done", justify="right")
    table.add_column("rows", justify="right")
    for one in found:
        rows = f"{one.rows_done:,}" if one.rows_done else ""
        done = "" if one.percent is None else percent(one.percent)
        table.add_row(one.id, one.version or "", _state(one), done, rows)
    ended = {State.VERIFIED, State.ROLLED_BACK, State.COMPLETED}
    parts: list[RenderableType] = [table]
    for one in found:
        if one.state not in ended:
            parts.append(Text.assemble((one.version or one.id, "bold"), "  ", *_trouble(one)))
            parts.append(Text(f"  {one.next}"))
    return Group(*parts)


def detail(one: MigrationStatus) -> RenderableType:
    """Draw one migration in full."""
    title = Text.assemble(
        (one.id, "bold"), f"  {one.version or ''}  ", (one.description or "", "dim")
    )
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, value in _facts(one):
        facts.add_row(label, value)
    return Group(title, Text(), facts, Text(), _phases(one.phases), Text(), Text(one.next))


def _facts(one: MigrationStatus) -> list[tuple[str, RenderableType]]:
    found: list[tuple[str, RenderableType]] = [("state", _state(one))]
    if one.table:
        found.append(("table", one.table))
    if one.percent is not None and one.state not in {State.PLANNED, State.ROLLED_BACK}:
        found.append(("backfill", _progress(one)))
    for number, wait in enumerate(one.waiting_for):
        found.append(("" if number else "waits for", Text(wait.text, style="yellow")))
    if one.throttled:
        found.append(("held back", _throttled(one.throttled)))
    if one.quarantined:
        found.append(("quarantine", _quarantined(one)))
    found += _running(one)
    if one.verification:
        found.append(("verified", _verification(one.verification)))
    if one.backup:
        found.append(("backup", backup_text(one.backup)))
    found += [("query", _query(query)) for query in one.queries]
    if one.conflicts:
        found.append(("conflicts", f"{one.conflicts:,} writes contradicted themselves"))
    found += _decisions(one)
    undo = _undo(one)
    return [*found, ("undo", undo)] if undo else found


def _running(one: MigrationStatus) -> list[tuple[str, RenderableType]]:
    found: list[tuple[str, RenderableType]] = []
    if one.last_error:
        found.append(("last error", Text(one.last_error, style="red")))
    if one.worker:
        found.append(("at work", _worker(one.worker)))
    if one.rate:
        found.append(("rate", _rate(one.rate)))
    return found


def _undo(one: MigrationStatus) -> str | None:
    if one.rollback_available:
        until = f", until purge: {moment(one.rollback_until)} UTC" if one.rollback_until else ""
        return f"available: `pgtide down {one.version or one.id}`{until}"
    if one.state in UNTOUCHED:
        return None
    return f"none any more: `pgtide down {one.version or one.id}` says why"


def _decisions(one: MigrationStatus) -> list[tuple[str, RenderableType]]:
    found: list[tuple[str, RenderableType]] = []
    if one.mended:
        found.append(("mended", _mended(one.mended, State(one.state))))
    return found + [("gate", _gate(gate)) for gate in one.gates if gate.actor]


def _state(one: MigrationStatus) -> Text:
    style = "cyan" if one.state in set(RUNNING.values()) else _STYLES.get(State(one.state), "")
    return Text(one.state.replace("_", " "), style=style)


def _trouble(one: MigrationStatus) -> list[Text]:
    found = []
    if one.waiting_for:
        waits = "; ".join(wait.text for wait in one.waiting_for)
        found.append(Text(f"waits for {waits}", style="yellow"))
    if one.last_error:
        found.append(Text(one.last_error, style="red"))
    return found or [Text(one.state.replace("_", " "), style="dim")]


def _progress(one: MigrationStatus) -> RenderableType:
    done = one.percent or 0.0
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_row(ProgressBar(total=100, completed=done, width=_BAR), percent(done))
    # At the end the rest is not missing: it was in step before.
    total = f" of {one.rows_total:,}" if one.rows_total and done < 100 else ""  # noqa: PLR2004
    parts = [f"{one.rows_done:,}{total} rows written"]
    if one.rows_per_second:
        parts.append(f"{one.rows_per_second:,.0f} rows/s")
    if one.eta_low and one.eta_high:
        now = datetime.now(UTC)
        low, high = ((at - now).total_seconds() for at in (one.eta_low, one.eta_high))
        parts.append(f"done in {between(low, high)}")
    return Group(grid, Text(", ".join(parts), style="dim"))


def _throttled(seen: tuple[Throttled, ...]) -> str:
    parts = [
        f"{span(held.seconds)} by {held.signal} ({plural(held.holds, 'time')})" for held in seen
    ]
    return f"for {', '.join(parts)}"


def _quarantined(one: MigrationStatus) -> Text:
    rows = plural(one.quarantined, "row")
    where = f"`pgtide quarantine {one.version or one.id}` lists them"
    return Text(f"{rows} that could not be filled; {where}", style="yellow")


def _worker(worker: Worker) -> Text:
    who = f"{worker.actor} on {worker.host} (pid {worker.pid}), since {moment(worker.since)} UTC"
    if worker.alive:
        return Text(who)
    return Text(f"nobody: {who}, has no heartbeat any more", style="yellow")


def _rate(seen: RateStatus) -> Text:
    share = f"{seen.duty:.0%} of the time, batches of {seen.batch_ms:g} ms"
    return Text(f"{share}, set by {seen.by} {moment(seen.at)} UTC", style="yellow")


def _verification(seen: VerificationStatus) -> Text:
    where = f"level {seen.level}, {seen.rows:,} rows, {moment(seen.at)} UTC"
    if seen.withdrawn:
        return Text(f"{where}: passed, withdrawn since: {seen.withdrawn}", style="red")
    if seen.passed:
        return Text(f"{where}: nothing out of step", style="green")
    found = [f"{seen.mismatches:,} rows out of step"] if seen.mismatches else []
    return Text(f"{where}: {'; '.join([*found, *seen.problems])}", style="red")


def _query(seen: QueryStanding) -> Text:
    if seen.objections:
        return Text("; ".join(seen.objections), style="red")
    limit = "" if seen.max_ms is None else f", at most {seen.max_ms:g} ms"
    times = [
        f"{taken:.1f} ms {when.replace('_', ' ')}"
        for taken, when in ((seen.before_ms, "before_expand"), (seen.after_ms, seen.moment or ""))
        if taken is not None
    ]
    return Text(f"{head(seen.query)}: {', '.join(times) or 'not measured yet'}{limit}")


def _mended(seen: Mended, state: State) -> Text:
    total = f"{plural(seen.writes, 'write')} wrote one shape only; the triggers wrote the other"
    if not seen.since_approval:
        return Text(total)
    # From `backfilled` on a release may write the new names alone.
    early = state in {State.EXPANDED, State.BACKFILLING}
    since = f"{total}; {seen.since_approval:,} of them since approval"
    return Text(since, style="yellow" if early else "")


def _gate(seen: GateStatus) -> Text:
    when = f" ({moment(seen.at)} UTC)" if seen.at else ""
    style = "green" if seen.verdict == Verdict.APPROVED else "yellow"
    return Text(f"{seen.gate}: {seen.why}{when}", style=style)


def _phases(phases: tuple[PhaseStatus, ...]) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(width=1)
    table.add_column(min_width=8)
    table.add_column(min_width=8)
    table.add_column(justify="right", min_width=7)
    table.add_column(justify="right")
    for one in phases:
        style = "dim" if one.state == "pending" else ""
        table.add_row(
            mark(one.state),
            Text(one.phase, style=style),
            Text(one.state, style=style),
            span(one.seconds) if one.seconds is not None else "",
            f"{one.rows:,} rows" if one.rows is not None else "",
        )
    return table
