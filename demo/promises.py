"""What pgtide promises, held against what this run measured."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from demo.result import Result
from pgtide.model.state import State

# What a person does not notice; the machine's own noise comes on top.
STALL_BUDGET: Final = timedelta(milliseconds=250)
# Of the same rows freshly written.
LARGEST_GROWTH: Final = 1.2
# What the new shape has and the old one has not.
GAINED: Final = "column verified_at timestamp without time zone"
# In which states of the migration a release may be out: the old names always, the interim ones from
# `backfilled` on, the final ones from `contracted` on.
_ALWAYS: Final = frozenset(State)
_FILLED: Final = frozenset(
    {State.BACKFILLED, State.FINALIZED, State.VERIFIED, State.CONTRACTED},
)
MAY_WORK: Final[dict[str, frozenset[State]]] = {
    "A": _ALWAYS,
    "B": _FILLED,
    "C": frozenset({State.CONTRACTED, State.COMPLETED}),
}
# Contract twice, purge once.
DECISIONS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One thing that was promised, whether this run kept it, and what it measured."""

    name: str
    kept: bool
    measured: str


def promises(result: Result) -> tuple[Promise, ...]:
    """Return every promise with its verdict."""
    judged = ((name, judge(result)) for name, judge in _JUDGES.items())
    return tuple(Promise(name=name, kept=kept, measured=said) for name, (kept, said) in judged)


def write(result: Result, path: Path) -> None:
    """Write a result down, with the verdict on each promise."""
    verdicts = {one.name: {"kept": one.kept, "measured": one.measured} for one in promises(result)}
    document = {
        **asdict(result),
        "promises": verdicts,
        "kept": all(one["kept"] for one in verdicts.values()),
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


Verdict = tuple[bool, str]


def _failures(result: Result) -> Verdict:
    traffic = result.traffic
    first = "".join(f"; {error}" for error in traffic.errors)
    said = f"{traffic.failed:,} of {traffic.statements:,} ({traffic.per_second:.0f} a second)"
    return traffic.failed == 0, said + first


def _wait(result: Result) -> Verdict:
    traffic, quiet = result.traffic, result.noise.longest
    said = (
        f"{_ms(traffic.longest)}, during: {traffic.longest_during}. Without a migration this "
        f"machine's longest was {_ms(quiet)}. Half of all took under {_ms(traffic.median)}"
    )
    if traffic.longest <= quiet + STALL_BUDGET.total_seconds():
        return True, said
    # Then the disk may have stood still for everybody; what is left must be short all the same.
    own, own_quiet = traffic.longest_own, result.noise.longest_own
    said += (
        f". The disk had stops of its own: a probe, syncing one small file, waited up to "
        f"{_ms(traffic.longest_sync)} ({_ms(result.noise.longest_sync)} without a migration). "
        f"Without those stops the longest statement was {_ms(own)} ({_ms(own_quiet)})"
    )
    return own <= own_quiet + STALL_BUDGET.total_seconds(), said


def _locked(result: Result) -> Verdict:
    budget = STALL_BUDGET.total_seconds()
    said = ", ".join(f"{one.scene} {_ms(one.longest)}" for one in result.traffic.locked)
    kept = all(
        one.longest <= result.noise.longest + budget or one.own <= result.noise.longest_own + budget
        for one in result.traffic.locked
    )
    return kept and bool(result.traffic.locked), f"at most {said} while a strong lock was taken"


def _redone(result: Result) -> Verdict:
    crash = result.crash
    later = crash.end.rows - crash.at.rows
    said = (
        f"{crash.redone:,} of {crash.at.rows:,} that were committed ({crash.at.batches:,} batches),"
        f" by the row versions in the table; the second worker wrote the other {later:,}"
    )
    return crash.redone == 0, said


def _size(result: Result) -> Verdict:
    least, at_once, now = result.growth.minimal, result.growth.at_once, result.migrated
    ratio = now.table / least.table
    said = (
        f"table {ratio:.2f} times freshly written rows (one UPDATE: "
        f"{at_once.table / least.table:.2f}), indexes {now.indexes / least.indexes:.2f} times "
        f"(one UPDATE: {at_once.indexes / least.indexes:.2f})"
    )
    return ratio <= LARGEST_GROWTH, said


def _verified(result: Result) -> Verdict:
    first, again = result.first, result.repair.check
    said = (
        f"level {first.level}: {first.mismatches:,} mismatches of {first.rows:,} rows; after the "
        f"repair {again.mismatches:,} of {again.rows:,}"
    )
    whole = min(first.rows, again.rows) >= result.rows
    return whole and (first.mismatches, again.mismatches) == (0, 0), said


def _found(result: Result) -> Verdict:
    repair = result.repair
    named = ", ".join(str(one) for one in repair.named) or "nobody"
    said = (
        f"user {repair.damage.id}'s new token was overwritten with the triggers off; verify found "
        f"{repair.mismatches:,} (exit code {repair.exit_code}) and named user {named}; "
        f"{'mended' if repair.mended else 'NOT mended'} by `pgtide up`"
    )
    alone = repair.mismatches == 1 and repair.named == (repair.damage.id,)
    return alone and repair.mended, said


def _backup(result: Result) -> Verdict:
    tried = result.backup
    said = f"{tried.rows:,} rows, restored on trial in {tried.restore_seconds:.1f} s: the same"
    return tried.rows >= result.rows and tried.restore_seconds > 0, said


def _undone(result: Result) -> Verdict:
    undone = result.undone
    same = "byte for byte what it was" if undone.dump_identical else "NOT what it was"
    left = ", ".join(undone.remnants) or "nothing of pgtide's"
    return (
        undone.answer == "t" and undone.dump_identical and not undone.remnants,
        (
            f"safe_rollback_migration, after contract, answered {undone.answer or 'nothing'}; "
            f"pg_dump of the table was {same}; {left} was left on it"
        ),
    )


def _shape(result: Result) -> Verdict:
    done = result.completed
    left = ", ".join(done.remnants) or "nothing of pgtide's"
    said = (
        f"the table gained: {'; '.join(done.gained) or 'nothing'}; it lost: "
        f"{'; '.join(done.lost) or 'nothing'}; {left} is left on it"
    )
    return done.gained == (GAINED,) and not done.lost and not done.remnants, said


def _writes(result: Result) -> Verdict:
    account = result.completed.account
    missing = "".join(f"; {one}" for one in account.missing)
    said = (
        f"{account.acknowledged:,} acknowledged to three releases, {account.found:,} found in the "
        f"final columns{missing}"
    )
    return 0 < account.acknowledged == account.found, said


def _releases(result: Result) -> Verdict:
    wrong = [
        f"release {stay.release} from {stay.began} to {stay.ended or 'nowhere'}"
        for stay in result.stays
        if stay.began not in MAY_WORK[stay.release] or stay.ended not in MAY_WORK[stay.release]
    ]
    out = {stay.release for stay in result.stays if stay.statements}
    said = "each out in the states that the plan names" if not wrong else "; ".join(wrong)
    return not wrong and out == set(MAY_WORK), said


def _decided(result: Result) -> Verdict:
    decisions = result.completed.decisions
    return len(decisions) >= DECISIONS, "; ".join(decisions) or "history knows no decision"


def _untouched(result: Result) -> Verdict:
    changed = result.completed.changed_unasked
    return changed == 0, f"{changed:,} rows that nobody wrote are other than they were"


def _archive(result: Result) -> Verdict:
    undone = result.undone
    said = (
        f"{undone.archived:,} dates of verified_at, which the old shape lacks, are in "
        f"pgtide.archive; {undone.not_archived:,} are not"
    )
    return undone.archived > 0 and undone.not_archived == 0, said


def _ms(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000)):,} ms"


_JUDGES: Final[dict[str, Callable[[Result], Verdict]]] = {
    "failed statements": _failures,
    "longest wait": _wait,
    "of it, locks": _locked,
    "rows done twice": _redone,
    "size": _size,
    "verification": _verified,
    "spoilt row": _found,
    "backup": _backup,
    "undo from psql": _undone,
    "archive": _archive,
    "after purge": _shape,
    "writes": _writes,
    "other rows": _untouched,
    "roll-out": _releases,
    "who decided": _decided,
}
