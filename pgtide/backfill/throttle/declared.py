"""A query of the author's: true, or a number above its limit, holds."""

from pgtide.backfill.throttle.reading import Clear, Held, Reading, Unreadable, compared
from pgtide.model.throttle import HoldWhile


class Declared:
    """Judge the first column of the first row."""

    def __init__(self, declared: HoldWhile, name: str) -> None:
        self.name = name
        self.sql = declared.query
        self._above = declared.above

    def judge(self, value: object) -> Reading:
        """Return what the query's answer says."""
        if isinstance(value, bool):
            said = "true" if value else "false"
            return Held(reason=f"{self.name} says {said}") if value else Clear()
        try:
            number = float(str(value))
        except ValueError:
            return Unreadable(why=f"{self.name} says neither true or false nor a number")
        if self._above is None:
            return Unreadable(why=f"{self.name} says a number, and `above` gives no limit for it")
        reason = f"{self.name} says {number:g}, limit {self._above:g}"
        return compared(reason, value=number, limit=self._above)
