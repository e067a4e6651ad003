"""Backfill: bring the rows that were there before expand in step, in small batches.

And sweep until all are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from pgtide.backfill import statements, walk
from pgtide.backfill.batch import Rewritten, Work
from pgtide.backfill.drive import drive
from pgtide.errors import Failed
from pgtide.events import SlicesCut, SweepEnded
from pgtide.ledger import audit, slices
from pgtide.ledger.fingerprint import same_but_for_file
from pgtide.ledger.record import fence, pay_sweep, set_fingerprint, set_rows_total
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Cut, Kind
from pgtide.model.gate import Gate, gate_at
from pgtide.model.plan import BackfillSql
from pgtide.model.state import Phase
from pgtide.phases.altered import refuse_altered
from pgtide.phases.conduct import conducted
from pgtide.phases.fingerprint import take
from pgtide.phases.gate import await_gate
from pgtide.phases.step import perform
from pgtide.postgres.activity import horizon_seconds
from pgtide.postgres.catalog import count_rows, read_size, row_estimate
from pgtide.postgres.session import Session

# The orchestrator shows one task run per group: below 300 a migration, most of them for the
# backfill.
_GROUPS: Final = 200
# An application that keeps writing contradictions is never in step: verification reports its rows.
_SWEEPS: Final = 5
_REWRITES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Consecutive slices that are shown and worked as one."""

    number: int
    of: int
    slices: tuple[int, ...]


# How groups are spread over workers; each call of the work fills one group and returns its rows.
Spread = Callable[[Callable[[Group], int], Sequence[Group]], None]


def one_after_another(work: Callable[[Group], int], groups: Sequence[Group]) -> None:
    """Work the groups in their order, here."""
    for group in groups:
        work(group)


def backfill(run: Run, spread: Spread = one_after_another) -> None:
    """Fill every row, going on from the last committed batch."""
    record = run.record
    if gate_at(run.plan, record.state) is Gate.DUAL_WRITE_DEPLOYED:
        await_gate(run.session, record, Gate.DUAL_WRITE_DEPLOYED, run.settings)
    with conducted(run, Phase.BACKFILL) as outcome:
        if run.record.sweep_due:
            _renew(run)
        _follow_file(run)
        if run.plan.backfill is not None:
            _walk(run, run.plan.backfill, spread)
            _sweep(run, run.plan.backfill)
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


def _walk(run: Run, sql: BackfillSql, spread: Spread) -> None:
    work = statements.filling(run.plan, sql)
    for _ in range(_REWRITES):
        _cut(run)
        try:
            # A crash of the server may open slices again that this worker saw done.
            while groups := _groups(run):
                spread(partial(_fill, run, work), groups)
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


def _cut(run: Run) -> None:
    """Cut the table into slices, once per file of the table.

    The bound is taken after the triggers committed.
    """
    size = read_size(run.session, run.plan.table_oid)
    known = slices.read(run.session, run.lease, Kind.WALK)
    if known and all(piece.done or piece.filenode == size.filenode for piece in known):
        return
    chosen = walk.choose(size.blocks, horizon_seconds=horizon_seconds(run.session))
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
        audit.note(
            session, run.lease, "slices_cut", slices=len(cuts), passes=chosen.passes, why=chosen.why
        )
    run.emit(SlicesCut(kind=Kind.WALK, slices=len(cuts), passes=chosen.passes, why=chosen.why))


def _groups(run: Run) -> list[Group]:
    pieces = slices.read(run.session, run.lease, Kind.WALK)
    size = -(-len(pieces) // _GROUPS) or 1
    packs = [pieces[i : i + size] for i in range(0, len(pieces), size)]
    return [
        Group(
            number=number, of=len(packs), slices=tuple(piece.id for piece in pack if not piece.done)
        )
        for number, pack in enumerate(packs, start=1)
        if not all(piece.done for piece in pack)
    ]


def _fill(run: Run, work: Work, group: Group) -> int:
    rows = 0
    for slice_id in group.slices:
        piece = slices.read_one(run.session, slice_id)
        rows += drive(run, work, piece).rows - piece.rows
    return rows


def _sweep(run: Run, sql: BackfillSql) -> None:
    """Go over the whole table until a round changes nothing, or five rounds were not enough."""
    work = statements.filling(run.plan, sql)
    for _ in range(_SWEEPS * _REWRITES):
        rounds = slices.read(run.session, run.lease, Kind.SWEEP)
        ended = [piece for piece in rounds if piece.done]
        if len(ended) >= _SWEEPS or (ended and ended[-1].rows == 0):
            return
        piece = rounds[-1] if len(rounds) > len(ended) else _cut_round(run)
        try:
            swept = drive(run, work, piece)
        except Rewritten:
            _rewritten(run)
        else:
            run.emit(SweepEnded(round=swept.round, rows=swept.rows))


def _cut_round(run: Run) -> slices.Slice:
    size = read_size(run.session, run.plan.table_oid)
    number = slices.last_round(run.session, run.lease, Kind.SWEEP) + 1
    whole = Cut(ordinal=0, first_block=0, end_block=None, passes=1)
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        slices.cut(session, run.lease, Kind.SWEEP, [whole], round_=number, filenode=size.filenode)
    return slices.read(run.session, run.lease, Kind.SWEEP)[-1]


def _all(run: Run, kind: Kind) -> list[slices.Slice]:
    return slices.read(run.session, run.lease, kind)
