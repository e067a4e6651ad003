"""The one shape of all signals: a named query, and a judgement of its rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pgtide.backfill.throttle.reading import Reading

Rows = Sequence[Mapping[str, Any]]


class Signal(Protocol):
    """Read a value, compare it with a limit, say why; `query` is in `throttle.sql`.

    `needed` is false where a role may do without: then a refused privilege switches it off.
    """

    name: str
    query: str
    needed: bool

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return what the rows say; `now` is in monotonic seconds."""
        ...
