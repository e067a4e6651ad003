"""The audit as a table."""

from rich import box
from rich.table import Table
from rich.text import Text

from cli.display.words import moment
from pgtide.operate.history import HistoryLine


def history_table(lines: list[HistoryLine]) -> Table:
    """Draw the audit; the migration is named in each line, or once above where there is only one.

    Times are UTC.
    """
    names = {line.migration_id or "" for line in lines}
    one = len(names) == 1
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    if one:
        table.title = Text(names.pop(), style="bold")
        table.title_justify = "left"
    table.add_column("at (UTC)", no_wrap=True, style="dim")
    table.add_column("by", overflow="fold")
    if not one:
        table.add_column("migration", overflow="fold", ratio=2)
    table.add_column("what", overflow="fold", ratio=3)
    for line in lines:
        migration = [] if one else [line.migration_id or ""]
        table.add_row(moment(line.at), line.actor, *migration, line.text)
    return table
