"""Slot retention: WAL that the server keeps for who does not read it (trap 84)."""

from collections.abc import Mapping
from typing import Any, Final

from pgtide.backfill.throttle.reading import Clear, Held, Reading, compared
from pgtide.backfill.throttle.signal import Rows
from pgtide.model.amount import say_size

# Of what max_slot_wal_keep_size allows: the last quarter is for the reader to catch up in.
_SHARE: Final = 0.75


class Slots:
    """Judge the slot that the most is kept for, and those that may lose what they need."""

    name = "slot_bytes"
    query = "slots"
    needed = True

    def __init__(self, limit: float) -> None:
        self._limit = limit

    def judge(self, rows: Rows, now: float) -> Reading:
        """Return the reading of the slot that is worst off."""
        del now
        readings = [self._slot(row) for row in rows]
        held = [one for one in readings if isinstance(one, Held)]
        clear = [one for one in readings if isinstance(one, Clear)]
        if held:
            return max(held, key=lambda one: one.value or 0.0)
        return max(clear, key=lambda one: one.load, default=Clear())

    def _slot(self, row: Mapping[str, Any]) -> Clear | Held:
        kept = row["kept"] or 0.0
        name = f"{'' if row['active'] else 'unread '}slot {row['name']}"
        if row["wal_status"] in {"lost", "unreserved"}:
            reason = (
                f"{name} is {row['wal_status']}: the server removes WAL that it needs; "
                "drop it or mend its reader"
            )
            return Held(reason=reason, value=kept, limit=self._limit)
        limit, room = self._limit, ""
        if row["safe"] is not None and _SHARE * (kept + row["safe"]) < limit:
            limit = _SHARE * (kept + row["safe"])
            room = f"; {say_size(max(0.0, row['safe']))} more and it loses them"
        reason = f"{name} keeps {say_size(kept)} of WAL, limit {say_size(limit)}{room}"
        return compared(reason, value=kept, limit=limit)
