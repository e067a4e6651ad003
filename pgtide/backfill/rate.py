"""How hard a backfill may work: the time of a batch, and the share of the time at work."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pgtide.ledger.rate import LiveRate
from pgtide.model.backfill import Backfill
from pgtide.settings import Settings

# Long enough to be worth a commit, short enough that nobody waiting for a row notices.
_BATCH_MS: Final = 50.0
_WHOLE: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Seconds that a batch should take, and the share of the time that goes into batches."""

    target: float
    duty: float


def rate_of(settings: Settings, filling: Backfill, live: LiveRate) -> Rate:
    """Return the rate that holds: an operator's, the environment's, the migration's, the default.

    The first of them that says anything.
    """
    given = settings.batch_target.total_seconds() * 1000 if settings.batch_target else None
    return Rate(
        target=(live.batch_ms or given or filling.batch_ms or _BATCH_MS) / 1000,
        duty=live.duty or settings.duty or filling.duty or _WHOLE,
    )


# What a row costs one worker in all passes together: 6 s a million rows of 170 bytes with two
# indexes, measured on two cores (docs/backfill.md).
_ROW_SECONDS: Final = 6e-6
# Into how many batches a pass over a slice is divided, at least, and what part of it that makes
# one: a pause is never far, and what a pass wrote can be pruned when the next one comes by. With
# fewer that is too soon where batches are uneven: beside a trigger of the application's indexes
# grew to 1.27 and not 1.04 with three; where time is favoured the table to 1.18 and not 1.14 with
# two.
_PARTS: Final[Mapping[str, tuple[int, str]]] = {"size": (4, "a quarter"), "time": (3, "a third")}


def batches_in_pass(filling: Backfill) -> int:
    """Return into how many batches each pass over a slice is divided, at least."""
    return _PARTS[filling.favour][0]


def short_pass(rows: float, *, passes: int, target: float, filling: Backfill) -> str | None:
    """Say that batches stay below their target, where a pass over a slice of so many rows is short.

    None where it lasts at least as many targets as it has batches.
    """
    parts, part = _PARTS[filling.favour]
    lasts = rows * _ROW_SECONDS / passes
    if lasts >= parts * target:
        return None
    return (
        f"A pass over a slice takes some {lasts * 1000:.0f} ms, and a batch {part} of that at "
        f"most: batches stay below the {target * 1000:g} ms that they aim at."
    )


def rest(worked: float, duty: float) -> float:
    """Return the seconds to rest after so many at work, so that work is that share of the time."""
    return worked * (_WHOLE - duty) / duty
