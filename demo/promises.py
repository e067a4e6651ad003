"""What pgtide promises, held against what this run measured.

A wait that is longer than this machine's own noise, while those who work on a table that nobody
migrates have to wait too, cannot be told: it is not judged, and not called kept.
"""

import json
from collections.abc import Callable, Iterable
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
    """One thing that was promised, whether this run kept it, and what it measured.

    `kept` is None where this run cannot tell.
    """

    name: str
    kept: bool | None
    measured: str


def promises(result: Result) -> tuple[Promise, ...]:
    """Return every promise with its verdict."""
    judged = ((name, judge(result)) for name, judge in _JUDGES.items())
    return tuple(Promise(name=name, kept=kept, measured=said) for name, (kept, said) in judged)


def worst(verdicts: Iterable[bool | None]) -> bool | None:
    """Return the verdict on all: a broken one counts more than one that cannot be judged."""
    found = set(verdicts)
    return False if False in found else None if None in found else True


def write(result: Result, path: Path) -> None:
    """Write a result down, with the verdict on each promise."""
    found = promises(result)
    document = {
        **asdict(result),
        "promises": {one.name: {"kept": one.kept, "measured": one.measured} for one in found},
        "kept": worst(one.kept for one in found),
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


Verdict = tuple[bool | None, str]


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
    kept = _short(result, traffic.longest, traffic.longest_alone)
    if kept:
        return kept, said
    alone, alone_quiet = traffic.longest_alone, result.noise.longest_alone
    said += (
        f". A table that nobody migrates waited too, up to {_ms(traffic.longest_control)} "
        f"({_ms(result.noise.longest_control)} without a migration); without those spans the "
        f"longest statement was {_ms(alone)} ({_ms(alone_quiet)})"
    )
    if kept is None:
        said += ". Whether the migration or this machine made everybody wait, nobody can say"
    return kept, said


def _short(result: Result, longest: float, alone: float) -> bool | None:
    """Tell whether waits were short beside what was measured without a migration.

    None where others had to wait too: at the same time, or about as long at another. A machine
    that is busy elsewhere lets now one process wait and now another.
    """
    budget, quiet = STALL_BUDGET.total_seconds(), result.noise
    if longest <= quiet.longest + budget:
        return True
    others = max(result.traffic.longest_control, quiet.longest)
    shared = alone <= quiet.longest_alone + budget or longest <= others + budget
    return None if shared else False


def _locked(result: Result) -> Verdict:
    found = result.traffic.locked
    said = ", ".join(f"{one.scene} {_ms(one.longest)}" for one in found)
    kept = worst(_short(result, one.longest, one.alone) for one in found)
    apart = "; without the time in which a table that nobody migrates waited too, at most "
    said += " while a strong lock was taken"
    if not kept:
        said += apart + _ms(max((one.alone for one in found), default=0))
    return kept if found else False, f"at most {said}"


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
    undone, account = result.undone.account, result.completed.account
    missing = "".join(f"; {one}" for one in (*undone.missing, *account.missing))
    said = (
        f"{account.acknowledged:,} acknowledged to three releases, {account.found:,} found in the "
        f"final columns; after the undo {undone.found:,} of {undone.acknowledged:,} in the old "
        f"ones{missing}"
    )
    kept = all(0 < one.acknowledged == one.found for one in (undone, account))
    return kept, said


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
        f"pgtide.archive; {undone.not_archived:,} are not, "
        f"{len(undone.wrong_dates):,} are other dates"
    )
    said += "".join(f"; {one}" for one in undone.wrong_dates[:3])
    return undone.archived > 0 == undone.not_archived == len(undone.wrong_dates), said


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
