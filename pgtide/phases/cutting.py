"""Cut a table into slices: each leaf by itself, as it lies, or along its key."""

import math
from dataclasses import replace

from pgtide.backfill import walk
from pgtide.backfill.hands import Hands
from pgtide.backfill.key_cuts import key_cuts, sweep_cuts
from pgtide.backfill.terrain_of import terrain_of
from pgtide.errors import Failed, Refused
from pgtide.events import SlicesCut
from pgtide.ledger import audit, slices
from pgtide.ledger.record import set_rows_total
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Cut, Kind, Slice
from pgtide.postgres.catalog import count_rows, row_estimate
from pgtide.postgres.leaves import Leaf, read_leaves
from pgtide.postgres.session import Session


def cut_walk(run: Run, many: Hands) -> None:
    """Cut what is not cut yet into slices, once per file of each leaf.

    The bound is taken after the triggers committed.
    """
    known = slices.read(run.session, run.lease, Kind.WALK)
    leaves = read_leaves(run.session, run.plan.table_oid)
    fresh = [leaf for leaf in leaves if not _is_cut(leaf, known)]
    if known and not fresh:
        return
    cuts: list[Cut] = []
    largest: tuple[int, walk.Walk | None] = (-1, None)
    after = slices.last_ordinal(run.session, run.lease, Kind.WALK, 0) + 1
    for leaf in fresh:
        chosen = _chosen(run, leaf, many)
        cuts += _numbered(_cuts(run, leaf, chosen), after + len(cuts))
        largest = max(largest, (leaf.blocks, chosen), key=lambda one: one[0])
    # A crash may lose batches, never the slices that a worker still holds in its hands.
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        for leaf in fresh:
            slices.void_open(session, run.lease, leaf.oid)
        if not known:
            set_rows_total(session, run.lease, sum(_rows(session, leaf) for leaf in leaves))
        slices.cut(session, run.lease, Kind.WALK, cuts, round_=0)
        if largest[1]:
            _tell(run, session, cuts, chosen=largest[1], many=many)


def cut_round(run: Run, many: Hands) -> int:
    """Cut all leaves for another round of the sweep; return its number."""
    leaves = read_leaves(run.session, run.plan.table_oid)
    number = slices.last_round(run.session, run.lease, Kind.SWEEP) + 1
    once = walk.sweep(sum(leaf.blocks for leaf in leaves), workers=many.number)
    walked = slices.read(run.session, run.lease, Kind.WALK)
    keys = sum(one.end_block or 0 for one in walked if one.keys is not None)
    pieces: list[Cut] = []
    for leaf in leaves:
        key = _chosen(run, leaf, many).key
        if key is None:
            found = walk.cuts(leaf, once, open_end=True)
        else:
            found = sweep_cuts(leaf, key, walked, size=math.ceil(keys / many.number))
        pieces += _numbered(found, len(pieces))
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        slices.cut(session, run.lease, Kind.SWEEP, pieces, round_=number)
    return number


def _chosen(run: Run, leaf: Leaf, many: Hands) -> walk.Walk:
    terrain = terrain_of(run.session, run.plan, leaf.oid)
    try:
        return walk.choose(terrain, run.plan.filling, workers=many.number)
    except Refused as error:
        # Preflight had found a key: somebody has dropped it since, or attached a leaf without one.
        raise Failed(
            error.what,
            state="The rows that are filled stay so; nothing was lost.",
            remedy=f"{error.remedy} Then `pgtide up {run.plan.version}` goes on.",
        ) from error


def _cuts(run: Run, leaf: Leaf, chosen: walk.Walk) -> list[Cut]:
    share = run.plan.filling.canary_share
    if chosen.key is None:
        return walk.cuts_with_canary(leaf, chosen, share)
    ahead = math.ceil(_rows(run.session, leaf) * share) if share else 0
    return key_cuts(
        run.session, leaf, chosen.key, size=chosen.slice_keys, check=run.check, ahead=ahead
    )


def _numbered(cuts: list[Cut], after: int) -> list[Cut]:
    return [replace(one, ordinal=number) for number, one in enumerate(cuts, start=after)]


def _is_cut(leaf: Leaf, known: list[Slice]) -> bool:
    own = [piece for piece in known if piece.leaf == leaf.oid]
    return bool(own) and all(piece.done or piece.filenode == leaf.filenode for piece in own)


def _rows(session: Session, leaf: Leaf) -> int:
    rows = row_estimate(session, leaf.oid)
    return count_rows(session, leaf.name, blocks=leaf.blocks) if rows is None else rows


def _tell(run: Run, session: Session, cuts: list[Cut], *, chosen: walk.Walk, many: Hands) -> None:
    """Tell how many slices there are, and how the largest leaf is walked."""
    leaves = len({one.leaf for one in cuts})
    why = f"{leaves} partitions, the largest: {chosen.why}" if run.plan.partitioned else chosen.why
    audit.note(
        session,
        run.lease,
        "slices_cut",
        slices=len(cuts),
        passes=chosen.passes,
        why=why,
        workers=many.number,
        workers_why=many.why,
    )
    run.emit(
        SlicesCut(
            kind=Kind.WALK,
            slices=len(cuts),
            passes=chosen.passes,
            why=why,
            workers=many.number,
        )
    )
