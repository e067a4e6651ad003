"""A slice that nobody has begun, for tests of what is decided about one."""

from pgtide.ledger.slices import ONCE, Kind, Slice

PIECE = Slice(
    id=1,
    kind=Kind.WALK,
    round=0,
    ordinal=0,
    leaf=1,
    filenode=1,
    first_block=0,
    end_block=128,
    schedule=ONCE,
    step=0,
    cursor=0,
    rows=0,
    hot=0,
    batches=0,
    state="open",
)
