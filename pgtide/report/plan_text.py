"""A plan as a page: each statement with its lock and its undo, and who may write what when."""

from collections.abc import Iterator, Sequence

from pgtide.model.plan import Plan
from pgtide.model.state import Phase
from pgtide.model.statement import Statement, Step, shown
from pgtide.report.markdown import code, table


def plan_page(plan: Plan, *, warnings: Sequence[str] = (), backup: str = "") -> str:
    """Return a plan as Markdown; `backup` says what is done before its first statement."""
    return "\n\n".join(_parts(plan, warnings, backup)) + "\n"


def _parts(plan: Plan, warnings: Sequence[str], backup: str) -> Iterator[str]:
    # The id is one long word, which breaks nowhere: no title for a narrow column.
    yield f"# Plan of {plan.version} on {plan.table}"
    yield f"Migration {plan.migration_id}."
    yield from _bullets("Good to know", (*warnings, *plan.notes))
    yield from _bullets("What releases may do, and when", plan.releases)
    yield from _bullets("Measured before and after", [f"`{one.query}`" for one in plan.performance])
    if backup:
        yield "## Backup"
        yield backup
    yield from _phase(Phase.EXPAND, plan.expand)
    if plan.backfill is not None:
        yield "## Backfill"
        yield f"Updates of {plan.table} in small batches, of the rows that need it only:"
        yield code(f"SET {plan.backfill.assignments}\nWHERE NOT {plan.backfill.in_step}")
    yield from _phase(Phase.FINALIZE, plan.finalize)
    yield from _phase(Phase.CONTRACT, plan.contract_sql)


def _phase(phase: Phase, steps: Sequence[Step]) -> Iterator[str]:
    if steps:
        yield f"## {str(phase).capitalize()}"
    for step in steps:
        yield from _step(step)


def _bullets(title: str, sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield f"## {title}"
        yield "\n".join(f"* {sentence}" for sentence in sentences)


def _step(step: Step) -> Iterator[str]:
    together = "in one transaction" if step.transactional else "each statement by itself"
    yield f"### {step.name}, {together}"
    yield table(("why", "lock", "blocks", "rewrites"), [_row(one) for one in step.statements])
    yield code(";\n".join(one.sql.strip().rstrip(";") for one in step.statements) + ";")
    for one in step.statements:
        yield from _findings(one)
    if step.irreversible:
        yield f"It cannot be undone, and from it on nor can the migration: {step.irreversible}"
    if step.undo:
        yield "Undone by:"
        yield code(";\n".join(shown(sql).strip().rstrip(";") for sql in step.undo) + ";")


def _findings(statement: Statement) -> Iterator[str]:
    if statement.findings:
        yield "\n".join(
            f"* {one.level} `{one.rule}`: {one.message}"
            + (f" Accepted: {one.accepted}" if one.accepted else "")
            for one in statement.findings
        )


def _row(statement: Statement) -> tuple[str, str, str, str]:
    rewrites = "yes" if statement.rewrites else "no"
    return (statement.why, statement.lock.value, statement.blocks, rewrites)
