"""What is claimed of the time that a batch takes."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from tests.bench.gate import Gate
from tests.bench.targets import PASS, Kept

_WITHIN: Final = 0.2


def gates(measured: Sequence[Kept]) -> tuple[Gate, ...]:
    """Return every claim with its verdict."""
    return tuple(_within(one) for one in measured)


def _within(one: Kept) -> Gate:
    seen = [each for each in one.seconds if each is not None]
    # Of fewer than half of the tries, none is a verdict.
    middle = median(seen) if 2 * len(seen) > len(one.seconds) else None
    said = ", ".join("too short" if each is None else f"{each * 1000:.1f}" for each in one.seconds)
    return Gate(
        claim=f"{one.kind} rows: batches of {one.target * 1000:.0f} ms take that, within"
        f" {_WITHIN:.0%}, where a pass lasts {PASS} of them",
        kept=middle is not None and abs(middle - one.target) <= _WITHIN * one.target,
        measured=f"medians of the tries: {said} ms",
    )
