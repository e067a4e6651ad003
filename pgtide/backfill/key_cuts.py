"""Where the slices of a walk by key end: at keys that the server counts off along the index.

So many keys further with each question, from the lowest to what was the highest when it began:
gaps cost nothing, no statistics are believed, and each slice knows how many rows it has. It reads
the index once, a few seconds for ten million rows (docs/backfill.md).
"""

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from pgtide.backfill.keyed import count_off
from pgtide.backfill.pace import FIRST_KEYS
from pgtide.errors import StatementFailed
from pgtide.ledger.slices import ONCE, Cut, KeyRange, Slice
from pgtide.postgres.faults import STATEMENT_TIMEOUT
from pgtide.postgres.keys import BY_INDEX, Key
from pgtide.postgres.leaves import Leaf
from pgtide.postgres.session import Session

# Where nobody has counted: a batch is a part of its slice at most, and not to be tiny for that.
_LEAST: Final = 4 * round(FIRST_KEYS)
# A question that takes longer asks for too much at once.
_PATIENCE: Final = timedelta(seconds=20)

Check = Callable[[], None]


def key_cuts(
    session: Session, leaf: Leaf, key: Key, *, size: int, check: Check, ahead: int = 0
) -> list[Cut]:
    """Cut a leaf into slices of so many keys; `ahead` are those of its canary, if it has one.

    Beyond the key that is the highest now all rows come through the triggers. `check` raises where
    the run has to end.
    """
    with session.transaction(settings=BY_INDEX):
        highest = session.value(key.last(leaf.name), {}, doing="looking for the highest key")
    found: list[Cut] = []
    keys = KeyRange(columns=key.names, upto=highest and tuple(highest))
    left, ended = ahead, highest is None
    while not ended:
        check()
        limit = min(size, left) if left else size
        try:
            with session.transaction(settings=BY_INDEX, statement_timeout=_PATIENCE):
                upto, number = count_off(session, key, leaf.name, keys, limit=limit)
        except StatementFailed as error:
            if error.sqlstate != STATEMENT_TIMEOUT or size <= _LEAST:
                raise
            # Where nothing is cached: smaller slices, and each is a question of its own.
            size = max(_LEAST, size // 2)
            continue
        ended = number < limit
        if number:
            end = keys.upto if ended else upto
            part = KeyRange(columns=key.names, after=keys.after, upto=end)
            found.append(_cut(leaf, part, number, len(found), canary=left > 0))
        left = max(0, left - number)
        keys = KeyRange(columns=key.names, after=upto, upto=keys.upto)
    return found


def sweep_cuts(leaf: Leaf, key: Key, walked: Sequence[Slice], *, size: int) -> list[Cut]:
    """Cut a leaf for a round of the sweep, at ends of the slices of its walk; both ends are open.

    Whichever ends these are, each row is in one of the pieces.
    """
    own = [
        one
        for one in walked
        if one.leaf == leaf.oid and one.keys is not None and one.keys.columns == key.names
    ]
    found: list[Cut] = []
    after, number = None, 0
    for one in own[:-1]:
        number += one.end_block or 0
        if number >= size and one.keys is not None:
            part = KeyRange(columns=key.names, after=after, upto=one.keys.upto)
            found.append(_cut(leaf, part, number, len(found)))
            after, number = part.upto, 0
    number += (own[-1].end_block or 0) if own else 0
    rest = KeyRange(columns=key.names, after=after)
    return [*found, _cut(leaf, rest, max(number, _LEAST), len(found))]


def whole(leaf: Leaf, key: Key, *, rows: float) -> Cut:
    """Return a leaf as one slice with open ends."""
    return _cut(leaf, KeyRange(columns=key.names), max(math.ceil(rows), _LEAST), 0)


def _cut(leaf: Leaf, keys: KeyRange, number: int, ordinal: int, *, canary: bool = False) -> Cut:
    return Cut(
        ordinal=ordinal,
        leaf=leaf.oid,
        filenode=leaf.filenode,
        first_block=0,
        end_block=number,
        schedule=ONCE,
        canary=canary,
        keys=keys,
    )
