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
from pgtide.ledger.fingerprint import leaves_in, same_but_for_leaves
from pgtide.ledger.quarantine import attempt_of
from pgtide.ledger.record import set_fingerprint
from pgtide.ledger.run import Run
from pgtide.ledger.verifications import Verdict, keep
from pgtide.model.state import Phase, State
from pgtide.model.verification import Mismatch, Verification
from pgtide.phases.conduct import conducted
from pgtide.phases.counting import KEPT, counting
from pgtide.phases.fingerprint import take
from pgtide.phases.open_writes import outlast_writers
from pgtide.phases.owed_sweep import owe_sweep
from pgtide.phases.ranges import Range, ranges
from pgtide.postgres.ddl import escaped, fill, literal, relation
from pgtide.postgres.faults import DataFault
from pgtide.postgres.leaves import Leaf, leaf_name, read_leaves
from pgtide.postgres.reflection import differences, hindrances

_LEVEL: Final = "L2"
_SCHEMA_ONLY: Final = "schema"
_SAMPLE: Final = 20
# A column or a function that is not there: somebody dropped or renamed it.
_NO_TABLE: Final = "42P01"
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
    level, problems, before = _SCHEMA_ONLY, [], take(run, run.session)
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
    problems += _fingerprint_problems(run, before)
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
    leaves = read_leaves(run.session, run.plan.table_oid)
    total, before, rows, mismatches = sum(leaf.blocks for leaf in leaves), 0, 0, 0
    sample: list[Mismatch] = []
    for leaf in leaves:
        for part in ranges(run, leaf):
            run.check()
            counted = _counted(run, leaf, part)
            rows, mismatches = rows + counted["rows"], mismatches + counted["mismatches"]
            if counted["mismatches"] and len(sample) < _SAMPLE:
                sample += _sampled(run, leaf, part)
            done = min(1.0, (before + part.end) / max(total, 1))
            run.emit(RangeVerified(rows=rows, mismatches=mismatches, done=done))
        before += leaf.blocks
    return rows, mismatches, tuple(sample[:_SAMPLE])


def _counted(run: Run, leaf: Leaf, part: Range) -> dict[str, int]:
    kept: Literal["true"] | None = "true" if part.bounds["kept"] else None
    query = counting(run.plan, leaf.name, kept=kept, within=part.within)
    try:
        return run.session.rows(query, part.bounds, doing="comparing a range")[0]
    except StatementFailed as error:
        there = leaf_name(run.session, run.plan.table_oid, leaf.oid)
        if error.sqlstate != _NO_TABLE or there is not None:
            raise
        # Detached and dropped meanwhile: its rows are none of this table's any more.
        return {"rows": 0, "mismatches": 0}


def out_of_step(run: Run, leaf: Leaf) -> int:
    """Return how many rows of one leaf are not in step."""
    found = 0
    for part in ranges(run, leaf):
        run.check()
        found += _counted(run, leaf, part)["mismatches"]
    return found


def _sampled(run: Run, leaf: Leaf, part: Range) -> list[Mismatch]:
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
            table=relation(leaf.name),
        )
        where = escaped(f"NOT {comparison.in_step}")
        if part.bounds["kept"]:
            where = f"CASE WHEN {KEPT} THEN false ELSE {where} END"
        query = f"{escaped(head)} WHERE {part.within} AND {where} ORDER BY t.ctid LIMIT {_SAMPLE}"
        rows = run.session.rows(query, part.bounds, doing="reading mismatches")
        found += [Mismatch(**row) for row in rows]
    return found


def _fingerprint_problems(run: Run, before: str) -> tuple[str, ...]:
    known, now = run.record.fingerprint or "{}", take(run, run.session)
    if known == now:
        return ()
    stayed = same_but_for_leaves(before, now) and leaves_in(now) <= leaves_in(before)
    if stayed and same_but_for_leaves(known, now):
        # Partitions came or went, and every row of those that are there now has been compared.
        set_fingerprint(run.session, run.lease, now)
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
        error = f"verification: {what}"
        rows = found.rows
        owe_sweep(session, run, State.VERIFYING, what, left=Phase.VERIFY, rows=rows, error=error)
    return MismatchedRows(
        f"Verification of {run.plan.migration_id} found: {what}.",
        state="Nothing was written; the migration is back at `backfilled`.",
        remedy="Run `pgtide up` to sweep these rows and verify again.",
        found=found,
    )
