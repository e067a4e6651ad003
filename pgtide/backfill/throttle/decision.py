"""Whether a signal holds: a pure function of what is known of it and of the newest look.

One look beyond the limit holds. It lets go after several looks in a row well below the limit, or
many within it, so that a value that swings around it does not stop and start the backfill with each
look. What cannot be read for a while holds too: not to know is not to be well.
"""

from dataclasses import dataclass, replace
from typing import Final, assert_never

from pgtide.backfill.throttle.reading import Clear, Held, Reading, Unreadable
from pgtide.model.amount import say_seconds

# Below four fifths of the limit, for three looks in a row: three seconds.
EASY: Final = 0.8
EASY_LOOKS: Final = 3
# Where a value's normal place is between the two, the backfill would never go on.
WITHIN_LOOKS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a signal: why it holds, if it does, and what the looks since then say.

    `easy` and `within` count the last looks in a row. `blind_since` is when it was last readable,
    None where it is; `blind` tells that it holds for no other reason. Times are in monotonic
    seconds.
    """

    held: Held | None = None
    easy: int = 0
    within: int = 0
    blind: bool = False
    blind_since: float | None = None


def after(standing: Standing, reading: Reading, *, now: float, patience: float) -> Standing:
    """Return what is known after one more look; unreadable for `patience` seconds holds."""
    match reading:
        case Held():
            return Standing(held=reading)
        case Clear():
            return _cleared(standing, reading)
        case Unreadable(why=why):
            return _blinded(standing, why, now=now, patience=patience)
        case _:
            assert_never(reading)


def _cleared(standing: Standing, reading: Clear) -> Standing:
    if standing.held is None:
        return Standing()
    easy = standing.easy + 1 if standing.blind or reading.load <= EASY else 0
    within = standing.within + 1
    if easy >= EASY_LOOKS or within >= WITHIN_LOOKS:
        return Standing()
    held = standing.held
    if reading.reason and not standing.blind:
        held = Held(reason=reading.reason, value=reading.value, limit=reading.limit)
    return replace(standing, held=held, easy=easy, within=within, blind_since=None)


def _blinded(standing: Standing, why: str, *, now: float, patience: float) -> Standing:
    since = now if standing.blind_since is None else standing.blind_since
    waiting = replace(standing, easy=0, within=0, blind_since=since)
    if now - since < patience or (standing.held is not None and not standing.blind):
        return waiting
    reason = f"it cannot be read for {say_seconds(now - since)}: {why}"
    held = Held(reason=reason, value=now - since, limit=patience)
    return replace(waiting, held=held, blind=True)
