"""The ranges in which a leaf is compared: by its pages, or along a key where it has none."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pgtide.backfill.keyed import bounds, count_off, within
from pgtide.ledger import quarantine
from pgtide.ledger.quarantine import attempt_of
from pgtide.ledger.run import Run
from pgtide.ledger.slices import KeyRange
from pgtide.phases.counting import WITHIN
from pgtide.postgres.keys import BY_INDEX, Key, read_keys
from pgtide.postgres.leaves import HEAP, Leaf

# 32 MB a statement: a snapshot that lives for a moment only, so it keeps nothing from being pruned.
_BLOCKS: Final = 4096
# As short a moment, where each row may be on a page of its own.
_KEYS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The tests that a row of `t` is in a range, their parameters, and at which block it ends.

    The parameter `kept` are the places of rows in quarantine.
    """

    within: str
    bounds: dict[str, object]
    end: int


def ranges(run: Run, leaf: Leaf) -> Iterator[Range]:
    """Yield the ranges of a leaf; the last one is open-ended: the leaf may have grown."""
    kept = quarantine.places(run.session, attempt_of(run.lease), filenode=leaf.filenode)
    key = None
    if leaf.method != HEAP:
        # Without a key each range reads all of it, but none is left out.
        key = next((one for one in read_keys(run.session, leaf.oid) if not one.fault), None)
    if key is not None:
        yield from _along(run, leaf, key, kept)
        return
    for first in range(0, max(leaf.blocks, 1), _BLOCKS):
        end = first + _BLOCKS
        high = f"({end},0)" if end < leaf.blocks else None
        where: dict[str, object] = {"low": f"({first},0)", "high": high, "kept": kept}
        yield Range(within=WITHIN, bounds=where, end=end)


def _along(run: Run, leaf: Leaf, key: Key, kept: list[str]) -> Iterator[Range]:
    keys, ended = KeyRange(columns=key.names), False
    while not ended:
        with run.session.transaction(settings=BY_INDEX):
            upto, found = count_off(run.session, key, leaf.name, keys, limit=_KEYS)
        ended = found < _KEYS
        part = KeyRange(columns=key.names, after=keys.after, upto=None if ended else upto)
        tests = " AND ".join(within(key, part)) or "true"
        yield Range(within=tests, bounds={**bounds(part), "kept": kept}, end=leaf.blocks)
        keys = KeyRange(columns=key.names, after=upto)
