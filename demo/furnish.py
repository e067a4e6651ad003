"""An empty database gets the demo's table, so that there is something to migrate."""

from collections.abc import Callable

from demo.database import ROWS, TABLE, create_users
from pgtide.postgres.scratch import occupants
from pgtide.postgres.session import connect


def furnish(url: str, tell: Callable[[str], None], *, rows: int = ROWS) -> None:
    """Create the demo's table, unless there is anything in the database."""
    with connect(url, purpose="demo") as session:
        if occupants(session):
            return
    tell(f"The embedded database is empty: the demo's {TABLE} is created, {rows:,} rows ...")
    create_users(url, rows=rows)
