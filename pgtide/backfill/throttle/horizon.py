"""Horizon age: an old snapshot keeps dead rows alive, nothing is pruned, and batches are bloat."""

from collections.abc import Mapping
from typing import Any

from pgtide.backfill.throttle.reading import Clear, Reading, compared
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_seconds


class Horizon:
    """Judge the oldest pin, and name whose it is.

    A slot or a replica's feedback has no time of its own: it is as old as we have seen it stand
    still.
    """

    name = "horizon"
    query = "horizon"
    needed = True

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._stood: dict[str, tuple[str, float]] = {}

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return how old the oldest pin is."""
        self._stood = {
            row["who"]: (row["pinned"], self._since(row, now)) for row in rows if row["pinned"]
        }
        ages = [(self._age(row, now), row["who"]) for row in rows]
        if not ages:
            return Clear()
        age, who = max(ages)
        reason = (
            f"{who} has kept dead rows alive for {say_seconds(age)}, "
            f"limit {say_seconds(self._limit)}"
        )
        return compared(reason, value=age, limit=self._limit)

    def _since(self, row: Mapping[str, Any], now: float) -> float:
        pinned, since = self._stood.get(row["who"], ("", now))
        return since if pinned == row["pinned"] else now

    def _age(self, row: Mapping[str, Any], now: float) -> float:
        if row["pinned"]:
            return now - self._stood[row["who"]][1]
        return float(row["seconds"] or 0.0)
