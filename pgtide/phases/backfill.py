"""Backfill: bring the rows that were there before expand in step, in small batches.

And sweep until all are.
"""

from typing import Final

from pgtide.backfill import statements, walk
from pgtide.backfill.batch import Rewritten
from pgtide.backfill.hands import Hands, hands
from pgtide.backfill.spread import Spread, side_by_side, spread
from pgtide.backfill.terrain_of import terrain_of
from pgtide.backfill.throttle.opened import throttled
from pgtide.backfill.throttle.wait import Before
from pgtide.errors import Failed
from pgtide.events import SlicesCut, SweepEnded
from pgtide.ledger import audit, slices
from pgtide.ledger.fingerprint import same_but_for_file
from pgtide.ledger.record import fence, pay_sweep, set_fingerprint, set_rows_total
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Kind
from pgtide.model.gate import Gate, gate_at
from pgtide.model.plan import BackfillSql
from pgtide.model.state import Phase
from pgtide.phases.altered import refuse_altered
from pgtide.phases.conduct import conducted
from pgtide.phases.fingerprint import take
from pgtide.phases.gate import await_gate
from pgtide.phases.step import perform
from pgtide.postgres.activity import capacity
from pgtide.postgres.catalog import count_rows, read_size, row_estimate
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
            many = hands(run.plan.filling, run.settings.workers, capacity(run.session))
            with throttled(run) as before:
                _walk(run, run.plan.backfill, many, over, before=before)
                _sweep(run, run.plan.backfill, many, before=before)
        outcome.rows = sum(
            piece.rows for kind in (Kind.WALK, Kind.SWEEP) for piece in _all(run, kind)
        )


def _renew(run: Run) -> None:
    """Make the triggers whole again and know them anew.

    Verification had found that somebody changed them.
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


def _walk(run: Run, sql: BackfillSql, many: Hands, over: Spread, *, before: Before) -> None:
    work = statements.filling(run.plan, sql)
    for _ in range(_REWRITES):
        _cut(run, many)
        try:
            spread(run, work, Kind.WALK, number=0, over=over, workers=many.number, before=before)
        except Rewritten:
            _rewritten(run)
        else:
            return
    raise Failed(
        f"{run.plan.table} was rewritten {_REWRITES} times during the backfill (VACUUM FULL, "
        "CLUSTER or the like).",
        state="The rows written so far are kept.",
        remedy="Stop the rewriting, then run `pgtide up` to go on.",
    )


def _rewritten(run: Run) -> None:
    """Start the walk over on the table's new file, which lets no writer past the triggers."""
    audit.note(run.session, run.lease, "table_rewritten")
    slices.void_open(run.session, run.lease)
    _follow_file(run)


def _follow_file(run: Run) -> None:
    # A rewrite lets no writer past the triggers, and the sweep still to come sees every row.
    now = take(run, run.session)
    if same_but_for_file(run.record.fingerprint or "{}", now):
        set_fingerprint(run.session, run.lease, now)


def _cut(run: Run, many: Hands) -> None:
    """Cut the table into slices, once per file of the table.

    The bound is taken after the triggers committed.
    """
    size = read_size(run.session, run.plan.table_oid)
    known = slices.read(run.session, run.lease, Kind.WALK)
    if known and all(piece.done or piece.filenode == size.filenode for piece in known):
        return
    terrain = terrain_of(run.session, run.plan)
    chosen = walk.choose(terrain, run.plan.filling, workers=many.number)
    cuts = walk.cuts(size.blocks, chosen)
    # A crash may lose batches, never the slices that a worker still holds in its hands.
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        if known:
            slices.void_open(session, run.lease)
        else:
            rows = row_estimate(session, run.plan.table_oid)
            if rows is None:
                rows = count_rows(session, run.plan.table, blocks=size.blocks)
            set_rows_total(session, run.lease, rows)
        slices.cut(session, run.lease, Kind.WALK, cuts, round_=0, filenode=size.filenode)
        _note_cut(run, session, chosen, many, count=len(cuts))
    run.emit(
        SlicesCut(
            kind=Kind.WALK,
            slices=len(cuts),
            passes=chosen.passes,
            why=chosen.why,
            workers=many.number,
        )
    )


def _note_cut(run: Run, session: Session, chosen: walk.Walk, many: Hands, *, count: int) -> None:
    audit.note(
        session,
        run.lease,
        "slices_cut",
        slices=count,
        passes=chosen.passes,
        why=chosen.why,
        workers=many.number,
        workers_why=many.why,
    )


def _sweep(run: Run, sql: BackfillSql, many: Hands, *, before: Before) -> None:
    """Go over the whole table until a round changes nothing, or five rounds were not enough."""
    work = statements.filling(run.plan, sql)
    for _ in range(_SWEEPS * _REWRITES):
        ended, unended = _rounds(run)
        if len(ended) >= _SWEEPS or (ended and list(ended.values())[-1] == 0):
            return
        number = unended if unended is not None else _cut_round(run, many)
        try:
            spread(
                run,
                work,
                Kind.SWEEP,
                number=number,
                over=side_by_side,
                workers=many.number,
                before=before,
            )
        except Rewritten:
            # Rows may have moved from a piece that is still open into one that is done.
            slices.void_round(run.session, run.lease, Kind.SWEEP, number)
            _rewritten(run)
        else:
            run.emit(SweepEnded(round=number, rows=_rounds(run)[0][number]))


def _rounds(run: Run) -> tuple[dict[int, int], int | None]:
    """Return the rows of each round that came to its end, and the one that did not."""
    rows: dict[int, int] = {}
    unended = None
    for piece in _all(run, Kind.SWEEP):
        rows[piece.round] = rows.get(piece.round, 0) + piece.rows
        unended = unended if piece.done else piece.round
    return {number: rows[number] for number in rows if number != unended}, unended


def _cut_round(run: Run, many: Hands) -> int:
    size = read_size(run.session, run.plan.table_oid)
    number = slices.last_round(run.session, run.lease, Kind.SWEEP) + 1
    pieces = walk.cuts(size.blocks, walk.sweep(size.blocks, workers=many.number), open_end=True)
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        slices.cut(session, run.lease, Kind.SWEEP, pieces, round_=number, filenode=size.filenode)
    return number


def _all(run: Run, kind: Kind) -> list[slices.Slice]:
    return slices.read(run.session, run.lease, kind)
