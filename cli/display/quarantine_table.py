"""Rows in quarantine. Their keys are row data: for the operator's terminal only."""

import json

from rich import box
from rich.table import Table

from cli.display.words import moment
from pgtide.ledger.quarantine import HeldRow


def quarantine_table(rows: list[HeldRow]) -> Table:
    """Draw the rows with why each of them fails; times are UTC."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("key", overflow="fold")
    table.add_column("SQLSTATE")
    table.add_column("reason", overflow="fold", ratio=1)
    table.add_column("tries", justify="right")
    table.add_column("since (UTC)", no_wrap=True, style="dim")
    for row in rows:
        key = json.dumps(dict(row.key), ensure_ascii=False)
        table.add_row(key, row.sqlstate, row.reason, str(row.tries), moment(row.at))
    return table
