"""What verification found, as tables: the totals, and the first rows that are out of step.

Keys and values are row data, for the owner only.
"""

import json
from typing import TYPE_CHECKING, Any, Final

from pgtide.model.verification import Mismatch, Verification

if TYPE_CHECKING:
    import pandas as pd

MISMATCH_COLUMNS: Final = ("key", "change", "old", "expected", "actual")


def mismatches(found: Verification) -> "pd.DataFrame":
    """Return the rows of the sample: key, change, old, expected and actual value, all as text."""
    import pandas as pd

    rows = [_row(one) for one in found.sample]
    return pd.DataFrame(rows, columns=list(MISMATCH_COLUMNS), dtype=object)


def totals(found: Verification) -> "pd.DataFrame":
    """Return one line for each thing that was checked, with its result."""
    import pandas as pd

    lines = [
        ("level", found.level),
        ("rows compared", f"{found.rows:,}"),
        ("rows out of step", f"{found.mismatches:,}"),
        *(("problem", problem) for problem in found.problems),
        ("result", "passed" if found.passed else "failed"),
        ("seconds", f"{found.seconds:.1f}"),
    ]
    return pd.DataFrame(lines, columns=["what", "found"], dtype=object)


def to_csv(frame: "pd.DataFrame") -> str:
    """Return a table as CSV with a header; what is not there is empty."""
    return frame.to_csv(index=False)


def to_rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table as one mapping a row; what is not there is None."""
    columns = list(frame.columns)
    return [dict(zip(columns, row, strict=True)) for row in frame.to_numpy(dtype=object).tolist()]


def _row(one: Mismatch) -> tuple[str, str, str | None, str | None, str | None]:
    key = json.dumps(dict(one.key), ensure_ascii=False, default=str)
    return (key, one.change, one.old, one.expected, one.actual)
