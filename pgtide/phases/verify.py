"""Verify: read every row in both shapes.

And prove that nobody could have gone past the triggers meanwhile.

Ranges are read by one statement each, at snapshots of their own. As long as the fingerprint stands,
every write since expand kept its row in step, so a row that was right at any snapshot is right now,
and the ranges together prove the whole table (level L2). The one exception is a write that sets
both shapes in contradiction: these are counted, and a verdict is kept with the count of before it.
Verification only reads.
"""

from typing import Final, Literal

from pgtide.errors import Mismatched, StatementFailed
from pgtide.events import RangeVerified
from pgtide.ledger import audit, log, phases, quarantine
from pgtide.ledger.conflicts import conflicts
from pgtide.ledger.quarantine import attempt_of
from pgtide.ledger.record import advance
from pgtide.ledger.run import Run
from pgtide.ledger.verifications import Verdict, keep
from pgtide.model.plan import Plan
from pgtide.model.state import Phase, State
from pgtide.model.verification import Mismatch, Verification
from pgtide.phases.conduct import conducted
from pgtide.phases.fingerprint import take
from pgtide.phases.open_writes import outlast_writers
from pgtide.postgres.catalog import read_size
from pgtide.postgres.ddl import fill, literal, relation
from pgtide.postgres.faults import DataFault
from pgtide.postgres.reflection import differences, hindrances

_LEVEL: Final = "L2"
_SCHEMA_ONLY: Final = "schema"
# 32 MB a statement: a snapshot that lives for a moment only, so it keeps nothing from being pruned.
_RANGE_BLOCKS: Final = 4096
_SAMPLE: Final = 20
# A column or a function that is not there: somebody dropped or renamed it.
_GONE: Final = frozenset({"42703", "42883"})


def verify(run: Run) -> Verification:
    """Compare all rows and the schema.

    Raises Mismatched, after withdrawing `verified`, where anything is wrong.
    """
    with conducted(run, Phase.VERIFY) as outcome:
        # Before the first row is read: a row written in contradiction after that counts as unseen.
        before = conflicts(run.session, run.plan) or 0
        if before:
            # Counted is counted at once; what was written is seen when its transaction has ended.
            outlast_writers(run)
        found = _examine(run)
        _record(run, found, before)
        outcome.rows = found.rows
        if not found.passed:
            raise _withdrawn(run, found)
    return found


class MismatchedRows(Mismatched):
    """Report what verification found, with the first rows."""

    def __init__(
        self, what: str, *, state: str, remedy: str, found: Verification | None = None
    ) -> None:
        super().__init__(what, state=state, remedy=remedy)
        self.found = found


def _examine(run: Run) -> Verification:
    begun = run.clock.monotonic()
    level, problems = _SCHEMA_ONLY, []
    rows, mismatches, sample = _NOTHING
    try:
        if run.plan.comparisons:
            rows, mismatches, sample = _compare(run)
            level = _LEVEL
    except StatementFailed as error:
        if isinstance(error, DataFault):
            # Never in quarantine, or no more: the next sweep finds which it is.
            problems.append(f"a row cannot be compared: {error.reason}")
        elif error.sqlstate in _GONE:
            problems.append(f"no row could be compared: {error.what.rstrip('.')}")
        else:
            raise
    problems += _held(run)
    if mismatches:
        problems += hindrances(run.session, run.plan)
    problems += differences(run.session, run.settings.url, run.plan)
    # Last: whatever was seen before counts for nothing where this is not what it was.
    problems += _fingerprint_problems(run)
    return Verification(
        level=level,
        rows=rows,
        mismatches=mismatches,
        problems=tuple(problems),
        sample=sample,
        seconds=run.clock.monotonic() - begun,
    )


def _held(run: Run) -> list[str]:
    many = quarantine.count(run.session, attempt_of(run.lease))
    if not many:
        return []
    rows = "1 row is" if many == 1 else f"{many:,} rows are"
    return [f"{rows} in quarantine (`pgtide quarantine {run.plan.version}` lists them)"]


_Compared = tuple[int, int, tuple[Mismatch, ...]]
_NOTHING: Final[_Compared] = (0, 0, ())


def _compare(run: Run) -> _Compared:
    size = read_size(run.session, run.plan.table_oid)
    blocks, query, rows, mismatches = size.blocks, counting(run.plan), 0, 0
    kept = quarantine.places(run.session, attempt_of(run.lease), filenode=size.filenode)
    if kept:
        query = counting(run.plan, kept="true")
    sample: list[Mismatch] = []
    for first in range(0, max(blocks, 1), _RANGE_BLOCKS):
        run.check()
        end = first + _RANGE_BLOCKS
        # The last range is open-ended: the table may have grown.
        high = f"({end},0)" if end < blocks else None
        bounds: dict[str, object] = {"low": f"({first},0)", "high": high, "kept": kept}
        counted = run.session.rows(query, bounds, doing="comparing a range")[0]
        rows, mismatches = rows + counted["rows"], mismatches + counted["mismatches"]
        if counted["mismatches"] and len(sample) < _SAMPLE:
            sample += _sampled(run, bounds)
        run.emit(
            RangeVerified(rows=rows, mismatches=mismatches, done=min(1.0, end / max(blocks, 1)))
        )
    return rows, mismatches, tuple(sample[:_SAMPLE])


_WITHIN: Final = "t.ctid >= %(low)s::tid AND (%(high)s::tid IS NULL OR t.ctid < %(high)s::tid)"


# The test of a row in quarantine may fail.
_KEPT: Final = "t.ctid = ANY (%(kept)s::tid[])"


def counting(plan: Plan, *, kept: Literal["true", "false"] | None = None) -> str:
    """Return the statement that counts a range's rows and those out of step.

    `kept` says how rows in quarantine count, whose places are a parameter: nobody looks at them.
    """
    tests = " AND ".join(comparison.in_step for comparison in plan.comparisons)
    test = f"CASE WHEN {_KEPT} THEN {kept} ELSE NOT ({tests}) END" if kept else f"NOT ({tests})"
    head = fill(
        "SELECT count(*) AS rows, count(*) FILTER (WHERE {test}) AS mismatches FROM ONLY "
        "{table} AS t",
        test=test,
        table=relation(plan.table),
    )
    return f"{_escaped(head).replace(_escaped(_KEPT), _KEPT)} WHERE {_WITHIN}"


def _sampled(run: Run, bounds: dict[str, object]) -> list[Mismatch]:
    # Read again, a moment later: a row that is right by now is no mismatch to show.
    plan, found = run.plan, []
    key = (
        plan.archive.key
        if plan.archive and plan.key
        else "jsonb_build_object('ctid', t.ctid::text)"
    )
    for comparison in plan.comparisons:
        head = fill(
            "SELECT {key} AS key, {change} AS change, ({old})::text AS old, ({expected})::text "
            "AS expected,"
            " ({actual})::text AS actual FROM ONLY {table} AS t",
            key=key,
            change=literal(comparison.change),
            old=comparison.old,
            expected=comparison.expected,
            actual=comparison.actual,
            table=relation(plan.table),
        )
        where = _escaped(f"NOT {comparison.in_step}")
        if bounds["kept"]:
            where = f"CASE WHEN {_KEPT} THEN false ELSE {where} END"
        query = f"{_escaped(head)} WHERE {_WITHIN} AND {where} ORDER BY t.ctid LIMIT {_SAMPLE}"
        found += [
            Mismatch(**row) for row in run.session.rows(query, bounds, doing="reading mismatches")
        ]
    return found


def _escaped(text: str) -> str:
    # Names may hold a percent sign, which the driver would take for a parameter.
    return text.replace("%", "%%")


def _fingerprint_problems(run: Run) -> tuple[str, ...]:
    if run.record.fingerprint == take(run, run.session):
        return ()
    return (
        (
            "the triggers, functions or columns that keep both shapes in step were changed since "
            "they were made (or the table was rewritten): writes may have gone past them"
        ),
    )


def _record(run: Run, found: Verification, before: int) -> None:
    verdict = Verdict(
        level=found.level,
        rows=found.rows,
        mismatches=found.mismatches,
        passed=found.passed,
        problems=found.problems,
        seconds=found.seconds,
    )
    session, record = run.session, run.record
    with session.transaction(settings={"synchronous_commit": "on"}):
        keep(
            session,
            run.lease,
            verdict,
            fingerprint=record.fingerprint or "",
            conflicts=before,
        )
        audit.note(
            session,
            run.lease,
            "verified",
            passed=found.passed,
            rows=found.rows,
            mismatches=found.mismatches,
            problems=found.problems,
        )
        if found.passed:
            filled = sum(
                one.rows or 0
                for one in phases.read(session, record.id)
                if one.phase == Phase.BACKFILL
            )
            log.complete(session, record, rows=filled, log_schema=run.settings.log_schema)


def _withdrawn(run: Run, found: Verification) -> MismatchedRows:
    parts = []
    if found.mismatches:
        parts.append(f"{found.mismatches:,} of {found.rows:,} rows are out of step")
    what = "; ".join((*parts, *found.problems))
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        advance(
            session,
            run.lease,
            State.VERIFYING,
            State.BACKFILLED,
            error=f"verification: {what}",
            sweep_due=True,
        )
        phases.end(session, run.lease, Phase.VERIFY, "failed", rows=found.rows)
        log.status(session, run.record, log.FAILED, log_schema=run.settings.log_schema, error=what)
    return MismatchedRows(
        f"Verification of {run.plan.migration_id} found: {what}.",
        state="Nothing was written; the migration is back at `backfilled`.",
        remedy="Run `pgtide up` to sweep these rows and verify again.",
        found=found,
    )
