"""How a batch that failed for what a row holds is narrowed down to one block: pure halving.

The checkpoint moves with each half that got through, as with any batch.
"""

from dataclasses import dataclass

from pgtide.ledger.slices import Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """How far there is doubt: blocks from the cursor up to `bad` hold a row that fails.

    `size` is the most blocks to try next, after a row was found; it doubles while all goes well.
    """

    bad: int | None = None
    step: int = 0
    size: int | None = None

    def blocks(self, piece: Slice, wanted: int) -> int:
        """Return how many blocks the next batch takes, of those wanted."""
        if self.bad is not None and self.step == piece.step and self.bad > piece.cursor:
            return min(wanted, max(1, (self.bad - piece.cursor) // 2))
        return wanted if self.size is None else min(wanted, self.size)

    def failed(self, piece: Slice, blocks: int) -> "Bisection":
        """Return the doubt after a batch of more than one block has failed."""
        return Bisection(bad=piece.cursor + blocks, step=piece.step, size=self.size)

    def found(self) -> "Bisection":
        """Return the doubt after the rows of a block that fail were put aside."""
        return Bisection(size=1)

    def passed(self, after: Slice, blocks: int, wanted: int) -> "Bisection":
        """Return the doubt after a batch of so many blocks has got through."""
        if self.bad is not None and self.step == after.step and self.bad > after.cursor:
            return self
        grown = None if self.size is None or 2 * blocks > wanted else 2 * blocks
        return Bisection(size=grown)
