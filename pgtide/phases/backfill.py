"""Backfill: bring the rows that were there before expand in step, in small batches.

And sweep until all are.
"""

from collections import Counter
from functools import partial
from typing import Final

from pgtide.backfill import statements
from pgtide.backfill.crew import Crew
from pgtide.backfill.hands import Hands, hands
from pgtide.backfill.mishaps import KeyGone, Rewritten
from pgtide.backfill.spread import Spread, side_by_side, spread
from pgtide.backfill.throttle.opened import throttled
from pgtide.errors import Failed
from pgtide.events import SweepEnded
from pgtide.ledger import audit, slices
from pgtide.ledger.fingerprint import leaves_in, same_but_for_file
from pgtide.ledger.record import fence, pay_sweep, set_fingerprint
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Kind
from pgtide.ledger.throttled import forget
from pgtide.model.gate import Gate, gate_at
from pgtide.model.plan import BackfillSql
from pgtide.model.state import Phase
from pgtide.phases.altered import refuse_altered
from pgtide.phases.canary import send_canary
from pgtide.phases.conduct import conducted
from pgtide.phases.cutting import cut_round, cut_walk
from pgtide.phases.fingerprint import take
from pgtide.phases.gate import await_gate
from pgtide.phases.quarantine import refuse_held, retry, settle
from pgtide.phases.step import perform
from pgtide.phases.user_triggers import refuse_loud
from pgtide.postgres.activity import capacity
from pgtide.postgres.session import Session

# An application that keeps writing contradictions is never in step: verification reports its rows.
_SWEEPS: Final = 5
_REWRITES: Final = 3


def backfill(run: Run, over: Spread = side_by_side) -> None:
    """Fill every row, going on from the last committed batch."""
    record = run.record
    if gate_at(run.plan, record.state) is Gate.DUAL_WRITE_DEPLOYED:
        await_gate(run.session, record, Gate.DUAL_WRITE_DEPLOYED, run.settings)
    with conducted(run, Phase.BACKFILL) as outcome:
        if run.record.sweep_due:
            _renew(run)
        _follow_file(run)
        if run.plan.backfill is not None:
            refuse_loud(run.session, run.plan)
            # Those of a process that was killed; whoever joins, joins a run that is under way.
            forget(run.session, run.lease)
            many = hands(run.plan.filling, run.settings.workers, capacity(run.session))
            with throttled(run, workers=many.number) as before, Crew(run, many, before) as crew:
                retry(run)
                _walk(crew, run.plan.backfill, many, over)
                _sweep(crew, run.plan.backfill, many)
                while not settle(run):
                    _sweep(crew, run.plan.backfill, many)
            refuse_held(run)
        outcome.rows = sum(
            piece.rows for kind in (Kind.WALK, Kind.SWEEP) for piece in _all(run, kind)
        )


def _renew(run: Run) -> None:
    """Make the triggers whole again and know them anew.

    Verification had found that somebody changed them, or rows are out of step for another reason.
    """

    def seal(session: Session) -> None:
        set_fingerprint(session, run.lease, take(run, session))
        slices.void(session, run.lease, Kind.SWEEP)
        pay_sweep(session, run.lease)

    refuse_altered(run)
    # What was declared was done once, and may not bear to be done twice.
    own = [step for step in run.plan.expand if not step.declared]
    for step in own:
        # All of it anew, whatever looks right: a trigger of the same name may do something else.
        perform(run, step, ordinal=run.plan.steps.index(step), also=seal, anew=True)
    if not own:
        with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
            fence(session, run.lease)
            seal(session)


def _walk(crew: Crew, sql: BackfillSql, many: Hands, over: Spread) -> None:
    run = crew.run
    works = partial(statements.filling, run.plan, sql)
    # Of a partitioned table each leaf may be rewritten, or go, at its own time.
    times: Counter[int] = Counter()
    while not times or max(times.values()) < _REWRITES:
        cut_walk(run, many)
        try:
            send_canary(crew, works, over, workers=many.number)
            spread(crew, works, Kind.WALK, number=0, over=over, workers=many.number)
        except Rewritten as error:
            times[error.leaf] += 1
            _rewritten(run, error)
        else:
            return
    raise Failed(
        f"{run.plan.table} was rewritten {_REWRITES} times during the backfill (VACUUM FULL, "
        "CLUSTER or the like).",
        state="The rows written so far are kept.",
        remedy="Stop the rewriting, then run `pgtide up` to go on.",
    )


def _rewritten(run: Run, found: Rewritten) -> None:
    """Start a leaf's walk over on its new file, which lets no writer past the triggers."""
    named = {"leaf": found.leaf} if run.plan.partitioned else {}
    if isinstance(found, KeyGone):
        audit.note(run.session, run.lease, "key_gone", **named)
    else:
        audit.note(run.session, run.lease, "table_rewritten", **named)
    slices.void_open(run.session, run.lease, found.leaf)
    _follow_file(run)


def _follow_file(run: Run) -> None:
    # A rewrite lets no writer past the triggers, and the sweep still to come sees every row.
    now = take(run, run.session)
    if same_but_for_file(run.record.fingerprint or "{}", now):
        set_fingerprint(run.session, run.lease, now)


def _sweep(crew: Crew, sql: BackfillSql, many: Hands) -> None:
    """Go over the whole table until a round changes nothing, or five rounds were not enough."""
    run = crew.run
    works = partial(statements.filling, run.plan, sql)
    for _ in range(_SWEEPS * _REWRITES):
        ended, unended = _rounds(run)
        if len(ended) >= _SWEEPS or (_clean(ended) and _covered(run, list(ended)[-1])):
            return
        number = cut_round(run, many) if unended is None else unended
        try:
            spread(
                crew,
                works,
                Kind.SWEEP,
                number=number,
                over=side_by_side,
                workers=many.number,
            )
        except Rewritten as error:
            # Rows may have moved from a piece that is still open into one that is done.
            slices.void_round(run.session, run.lease, Kind.SWEEP, number)
            _rewritten(run, error)
        else:
            run.emit(SweepEnded(round=number, rows=_rounds(run)[0].get(number, 0)))


def _rounds(run: Run) -> tuple[dict[int, int], int | None]:
    """Return the rows of each round that came to its end, and the one that did not."""
    rows: dict[int, int] = {}
    unended = None
    for piece in _all(run, Kind.SWEEP):
        rows[piece.round] = rows.get(piece.round, 0) + piece.rows
        unended = unended if piece.done else piece.round
    return {number: rows[number] for number in rows if number != unended}, unended


def _clean(ended: dict[int, int]) -> bool:
    return bool(ended) and list(ended.values())[-1] == 0


def _covered(run: Run, number: int) -> bool:
    """Tell whether a round went over every leaf that is there now, and know these anew."""
    if not run.plan.partitioned:
        return True
    now = take(run, run.session)
    seen = {piece.leaf for piece in slices.read(run.session, run.lease, Kind.SWEEP, round_=number)}
    if not leaves_in(now) <= seen:
        return False
    if same_but_for_file(run.record.fingerprint or "{}", now):
        set_fingerprint(run.session, run.lease, now)
    return True


def _all(run: Run, kind: Kind) -> list[slices.Slice]:
    return slices.read(run.session, run.lease, kind)
