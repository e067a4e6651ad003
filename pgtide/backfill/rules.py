"""What all workers of a crew heed before and at each batch."""

from dataclasses import dataclass

from pgtide.backfill.lock_hold import LockHold
from pgtide.backfill.throttle.wait import Before
from pgtide.backfill.turns import Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`before` may keep a batch waiting; of `turns` there are so many, and `hold` is of locks."""

    before: Before
    turns: Turns
    hold: LockHold
