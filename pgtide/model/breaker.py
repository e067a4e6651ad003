"""When a backfill has met too many rows that fail: a pure decision."""

from typing import Final

# As GitLab stops its batched migrations: half of what was tried has failed, of no fewer than 50.
SHARE: Final = 0.5
FEWEST: Final = 50
# Each of them is looked at by a person: more is no list any more, but a wrong expression.
MOST: Final = 1000


def tripped(held: int, filled: int, *, most: int) -> str | None:
    """Say why one row more in quarantine is one too many; None where it is not."""
    if held >= most:
        return (
            f"{held:,} rows are in quarantine and another fails: quarantine={most:,} is the limit"
        )
    if held >= FEWEST and held >= SHARE * (held + filled):
        return (
            f"{held:,} of {held + filled:,} rows that were tried failed: {SHARE:.0%} is the limit"
        )
    return None
