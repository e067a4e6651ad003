"""What is claimed of an undo, held against what was measured."""

from collections.abc import Sequence
from typing import Final

from tests.bench.gate import Gate
from tests.bench.undo import Undone
from tests.bench.undoing import NAIVE, PGTIDE

# What a person does not notice; the machine's own noise, measured right before, comes on top.
BUDGET: Final = 0.25
# Ten times the rows; a lock has costs that do not grow.
_CONTROL: Final = 5


def gates(measured: Sequence[Undone]) -> tuple[Gate, ...]:
    """Return every claim with its verdict."""
    found = {(one.way, one.rows): one for one in measured}
    small, big = sorted({one.rows for one in measured})
    pairs = {way: (found[way, small], found[way, big]) for way in (*PGTIDE, NAIVE)}
    return (
        *(_flat(*pairs[way]) for way in PGTIDE),
        *(_budget(pairs[way]) for way in PGTIDE),
        _failures(measured),
        _control(*pairs[NAIVE]),
    )


def grows(small: Undone, big: Undone) -> bool:
    """Tell whether the lock is held longer for the bigger table than noise explains."""
    return big.hold > small.hold + small.noise


def _flat(small: Undone, big: Undone) -> Gate:
    return Gate(
        claim=f"{small.way}: the lock is held no longer for {big.rows:,} rows than for "
        f"{small.rows:,}",
        # A machine that stumbles by more than anybody would wait can hide any growth.
        kept=not grows(small, big) and small.noise <= BUDGET,
        measured=f"{_ms(big.hold)}, at most {_ms(small.hold)} + noise {_ms(small.noise)}",
    )


def _budget(pair: tuple[Undone, Undone]) -> Gate:
    worst = max(one.waited for undone in pair for one in undone.tries)
    said = " and ".join(_ms(one.waited) for one in pair)
    return Gate(
        claim=f"{pair[0].way}: a writer waits at most {_ms(BUDGET)} longer than without an undo",
        kept=all(one.waited <= BUDGET for one in pair),
        measured=f"{said}; worst of all tries {_ms(worst)}",
    )


def _failures(measured: Sequence[Undone]) -> Gate:
    failures = sum(one.failures for undone in measured for one in undone.tries)
    return Gate(
        claim="no statement of the writer fails",
        kept=failures == 0,
        measured=f"{failures:,} failed",
    )


def _control(small: Undone, big: Undone) -> Gate:
    return Gate(
        claim=f"the control, {small.way}, is seen to grow, {_CONTROL} times at least",
        kept=grows(small, big) and big.hold >= _CONTROL * small.hold,
        measured=f"{_ms(small.hold)} and {_ms(big.hold)}: {big.hold / small.hold:.1f} times",
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
