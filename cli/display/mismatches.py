"""Rows that verification found out of step. Row data: for the operator's terminal only."""

import json

from rich import box
from rich.table import Table

from pgtide.model.verification import Verification


def mismatches(found: Verification) -> Table:
    """Draw the first mismatches: key, change, and the three values."""
    shown = len(found.sample)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, title_justify="left")
    table.title = f"the first {shown} of {found.mismatches:,} rows out of step"
    for name in ("key", "change", "old", "expected", "actual"):
        table.add_column(name, overflow="fold")
    for one in found.sample:
        key = json.dumps(dict(one.key), ensure_ascii=False, default=str)
        values = (value if value is not None else "NULL" for value in _values(one))
        table.add_row(key, one.change, *values)
    return table


def _values(one: object) -> tuple[str | None, ...]:
    return tuple(getattr(one, name) for name in ("old", "expected", "actual"))
