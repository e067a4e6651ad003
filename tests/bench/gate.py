"""A claim, whether this run bears it out, and by what figures."""

from dataclasses import dataclass

# A median of fewer says little.
TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One claim with its verdict."""

    claim: str
    kept: bool
    measured: str


def at_most(what: str, ratio: float, limit: float) -> Gate:
    """Claim that a ratio stays within a limit."""
    return Gate(claim=f"{what}: at most {limit:.2f}", kept=ratio <= limit, measured=f"{ratio:.2f}")
