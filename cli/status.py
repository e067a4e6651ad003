"""`pgtide status`: where each migration stands."""

import typer

from cli.console import out
from cli.display.status_table import detail, overview
from cli.document import show
from cli.ledger import candidates
from cli.options import AnyId, Json, settings_of
from pgtide.operate.declared import declarations
from pgtide.operate.find import find_id
from pgtide.operate.status import statuses
from pgtide.postgres.session import connect


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(ctx: typer.Context, migration: AnyId = None, *, as_json: Json = False) -> None:
    """Show state, progress, ETA and what is waited for; reads the ledger alone."""
    settings = settings_of(ctx)
    with connect(settings.url, purpose="status") as session:
        known = list(candidates(session, settings).values())
        wanted = find_id(migration, known) if migration else None
        found = statuses(session, settings, declarations(settings.migrations_dir))
    found = [one for one in found if wanted in {None, one.id}]
    if as_json:
        show(found)
    elif not found:
        out().print(
            "There is no migration yet. `pgtide create TEXT --table T` writes the first one."
        )
    elif len(found) == 1:
        out().print(detail(found[0]))
    else:
        out().print(overview(found))
