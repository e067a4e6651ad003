"""What the declared queries took, as a table: before expand, and when they were last measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgtide.model.performance import QueryStanding

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("query", "limit ms", "before expand ms", "now ms", "measured", "objections")


def performance(standings: Sequence[QueryStanding]) -> "pd.DataFrame":
    """Return one line for each query."""
    import pandas as pd

    rows = [
        (
            one.query,
            one.max_ms,
            one.before_ms,
            one.after_ms,
            one.moment and one.moment.replace("_", " "),
            "; ".join(one.objections) or None,
        )
        for one in standings
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object)
