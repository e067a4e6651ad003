"""How hard a backfill may work, as somebody says it: the bounds of what can be meant."""

from collections.abc import Iterator
from typing import Final

# Below this it is better paused.
LEAST_DUTY: Final = 0.05
# A minute: who waits longer for a batch to end is not heard in time.
_MOST_MS: Final = 60_000.0


def problems(duty: float | None, batch_ms: float | None) -> Iterator[str]:
    """Say what cannot be meant."""
    if duty is not None and not LEAST_DUTY <= duty <= 1:
        yield f"duty is {duty!r}; it is a share of the time, {LEAST_DUTY} to 1"
    if batch_ms is not None and not 1 <= batch_ms <= _MOST_MS:
        yield f"batch_ms is {batch_ms!r}; it is milliseconds, 1 to {_MOST_MS:.0f}"
