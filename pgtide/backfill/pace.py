"""How big the next batch is: a pure function of how long the last one took."""

from dataclasses import dataclass
from typing import Final

# The design's figures: grow gently, fall back hard when a batch took five times too long.
_GROW: Final = 1.2
_COLLAPSE: Final = 0.1
_COLLAPSE_AT: Final = 5.0
_LARGEST: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A number of blocks per batch, and the seconds that a batch should take."""

    blocks: float
    target: float

    @property
    def whole(self) -> int:
        """Return the blocks of the next batch."""
        return max(1, round(self.blocks))

    def after(self, seconds: float, *, most: int) -> "Pace":
        """Return the pace after a batch that took that long; never more than `most` blocks."""
        if seconds > self.target * _COLLAPSE_AT:
            factor = _COLLAPSE
        elif seconds > self.target:
            factor = self.target / seconds
        else:
            factor = _GROW
        return self.bounded(self.blocks * factor, most=most)

    def halved(self) -> "Pace":
        """Return half the pace: a batch ran into its time limit."""
        return self.bounded(self.blocks / 2, most=_LARGEST)

    def bounded(self, blocks: float, *, most: int) -> "Pace":
        """Return a pace of so many blocks, within what is sensible."""
        return Pace(
            blocks=min(max(1.0, blocks), float(max(1, min(most, _LARGEST)))), target=self.target
        )
