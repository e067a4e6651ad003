"""How an author wants a table to be filled."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from pgtide.model.breaker import MOST
from pgtide.model.rate import problems as rate_problems
from pgtide.model.throttle import Throttle

# More would be a load that no throttle of ours could hold back in time.
MOST_WORKERS: Final = 8
# More than nothing, less than all.
_PERCENT: Final = re.compile(r"(?!0*(?:\.0*)?%)\d{1,2}(\.\d+)?%")
_LATER: Final[Mapping[str, object]] = MappingProxyType(
    {"quarantine": MOST, "canary": None, "walk": "auto"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Say how the rows that are there are filled.

    `workers` at once, or `"auto"`: as many as the server has cores that nobody uses, 1 to 8; a core
    stays free for an application that was at work within the last second.
    `favour` the smallest table and indexes, or the shortest time. `user_triggers="skip"` keeps the
    application's own triggers silent for the backfill's updates; preflight says where it cannot.
    A batch aims at `batch_ms` milliseconds, 50 if nobody says otherwise, and `duty` is the share of
    the time that each worker is at work.
    `throttle` says when the database is not well, and the backfill holds by itself.
    Rows that fail for what they hold are put in quarantine, at most `quarantine` of them.
    `canary="1%"` fills that much of the table first and looks whether it is right.
    `walk="pages"` goes from page to page, and `"key"` along a unique key; `"auto"` takes the key
    where the table is stored in a way that has no ranges of pages.
    """

    workers: int | Literal["auto"] = "auto"
    favour: Literal["time", "size"] = "size"
    user_triggers: Literal["fire", "skip"] = "fire"
    batch_ms: float | None = None
    duty: float | None = None
    throttle: Throttle = field(default_factory=Throttle)
    quarantine: int = MOST
    canary: str | None = None
    walk: Literal["auto", "pages", "key"] = "auto"

    @property
    def canary_share(self) -> float:
        """Return which share of the table the canary is; 0 where there is none."""
        return float(self.canary.removesuffix("%")) / 100 if self.canary else 0.0

    def spec(self) -> Mapping[str, object]:
        """Return it as plain values, the same for the same declaration."""
        spec = asdict(self)
        # What came later is left out where nobody asks for it: a migration that has begun before
        # keeps its checksum.
        return {
            name: spec[name] for name in spec if name not in _LATER or spec[name] != _LATER[name]
        }

    def problems(self) -> Iterator[str]:
        """Say what cannot be meant."""
        if self.workers not in ("auto", *range(1, MOST_WORKERS + 1)):
            yield f"backfill: workers is {self.workers!r}; it is 1 to {MOST_WORKERS}, or 'auto'"
        for name, value, known in (
            ("favour", self.favour, ("time", "size")),
            ("user_triggers", self.user_triggers, ("fire", "skip")),
            ("walk", self.walk, ("auto", "pages", "key")),
        ):
            if value not in known:
                yield f"backfill: {name} is {value!r}; it is one of {', '.join(known)}"
        if self.canary is not None and not _PERCENT.fullmatch(self.canary):
            yield f"backfill: canary is {self.canary!r}; it is a share of the table, as '1%'"
        if self.quarantine < 0:
            yield f"backfill: quarantine is {self.quarantine!r}; it is a number of rows, or 0"
        yield from (f"backfill: {problem}" for problem in rate_problems(self.duty, self.batch_ms))
        yield from (f"backfill: {problem}" for problem in self.throttle.problems())
