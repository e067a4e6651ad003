"""The archive of an undo: what the old shape cannot hold, kept by the keys of its rows.

Filled before the strong lock, with a trigger that adds what is written meanwhile.
"""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from pgtide.backfill import statements
from pgtide.backfill.crew import Crew, Works
from pgtide.backfill.hands import Hands
from pgtide.backfill.key_cuts import whole
from pgtide.backfill.leading_key import leading_key
from pgtide.backfill.mishaps import Rewritten
from pgtide.backfill.spread import side_by_side, spread
from pgtide.backfill.terrain_of import terrain_of
from pgtide.changes.archive_trigger import capture
from pgtide.errors import Failed, Refused
from pgtide.ledger import slices
from pgtide.ledger.archive import forget
from pgtide.ledger.run import Run
from pgtide.ledger.slices import ONCE, Cut, Kind
from pgtide.model.plan import ArchiveSql
from pgtide.phases.step import perform, present
from pgtide.postgres.leaves import Leaf, read_leaves

# The ordinal of the archive's own step comes after those of any plan: it is undone first.
_ORDINAL: Final = 10_000
_REWRITES: Final = 3
_ALONE: Final = Hands(number=1, why="an undo goes through the table once")


def fill_archive(run: Run, archive: ArchiveSql) -> int:
    """Archive the values of all rows; return how many rows had some."""
    works = partial(statements.archiving, run.plan, archive, run.lease)
    # A trigger whose function names a column that is gone would fail every write.
    run.session.execute(
        f"EXPLAIN {works(run.plan.table).open_ended}",
        {"low": "(0,0)"},
        doing="trying the archive's statement",
    )
    step = capture(run.plan, archive, attempt=run.lease.attempt)
    if not present(run, step):
        # Nor was it there since the archive was filled, if it ever was: writes may have gone by.
        slices.void(run.session, run.lease, Kind.ARCHIVE)
        with run.session.unhurried() as session:
            forget(session, run.lease)
    perform(run, step, ordinal=_ORDINAL)
    for _ in range(_REWRITES):
        try:
            return _filled(run, works)
        except Rewritten:
            slices.void(run.session, run.lease, Kind.ARCHIVE)
    raise Failed(
        f"{run.plan.table} was rewritten {_REWRITES} times while its values were archived.",
        state="Nothing was taken back yet; the application goes on as before.",
        remedy="Stop the rewriting, then run `pgtide down` again.",
    )


def _filled(run: Run, works: Works) -> int:
    number = _cut(run)
    with Crew(run, _ALONE) as crew:
        spread(crew, works, Kind.ARCHIVE, number=number, over=side_by_side, workers=1)
    pieces = slices.read(run.session, run.lease, Kind.ARCHIVE, round_=number)
    return sum(piece.rows for piece in pieces)


def _cut(run: Run) -> int:
    """Cut each leaf as a whole, where that is not done yet; return the number of the round."""
    number = slices.last_round(run.session, run.lease, Kind.ARCHIVE)
    if slices.read(run.session, run.lease, Kind.ARCHIVE):
        return number
    pieces = [
        replace(_whole(run, leaf), ordinal=ordinal)
        for ordinal, leaf in enumerate(read_leaves(run.session, run.plan.table_oid))
    ]
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        slices.cut(session, run.lease, Kind.ARCHIVE, pieces, round_=number + 1)
    return number + 1


def _whole(run: Run, leaf: Leaf) -> Cut:
    terrain = terrain_of(run.session, run.plan, leaf.oid)
    # An undo is never refused for a key that has gone: it asks all rows by their pages then.
    with suppress(Refused):
        key = leading_key(terrain, run.plan.filling)
        if key is not None:
            return whole(leaf, key, rows=terrain.rows)
    return Cut(
        ordinal=0,
        leaf=leaf.oid,
        filenode=leaf.filenode,
        first_block=0,
        end_block=None,
        schedule=ONCE,
    )
