"""`pgtide history`: the audit."""

import typer

from cli.console import out
from cli.display.history_table import history_table
from cli.document import show
from cli.ledger import record_of
from cli.options import AnyId, Json, settings_of
from pgtide.operate.history import lines
from pgtide.postgres.session import connect


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(history)


def history(ctx: typer.Context, migration: AnyId = None, *, as_json: Json = False) -> None:
    """Show everything that was done, by whom and when: the audit, oldest first."""
    settings = settings_of(ctx)
    with connect(settings.url, purpose="history") as session:
        wanted = record_of(session, settings, migration).id if migration else None
        found = lines(session, wanted)
    if as_json:
        show(found)
    elif found:
        out().print(history_table(found))
    else:
        out().print("Nothing has been done in this database yet.")
