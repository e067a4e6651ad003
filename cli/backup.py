"""`pgtide backup`: take a backup and try it; needs the ledger alone."""

import typer

from cli.console import say
from cli.display.backup_lines import backup_lines
from cli.display.words import data_size, span
from cli.document import show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from cli.signals import stopping
from pgtide.ledger.run import Caller
from pgtide.phases.backup import backup as take
from pgtide.postgres.session import connect


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(backup)


def backup(ctx: typer.Context, migration: OneId, *, by: By = None, as_json: Json = False) -> None:
    """Back up a migration's table and try the backup; the migration stays as it is."""
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="backup") as session:
        record = record_of(session, settings, migration)
    with backup_lines() as lines, stopping(lines.tell) as stop:
        caller = Caller(actor=settings.actor, emit=lines.hear, stop=stop.asked, clock=stop.clock)
        found = take(settings, caller, record)
    rows = found.content.rows if found.content else 0
    seconds = found.restore_seconds or 0.0
    if as_json:
        show(
            {
                "id": record.id,
                "backup": found.id,
                "old_shape": found.old_shape,
                "table": str(found.table),
                "taken_at": found.taken_at,
                "rows": rows,
                "bytes": found.bytes,
                "restore_seconds": round(seconds, 3),
                "directory": found.directory,
                "files": found.files,
            }
        )
        return
    say(
        f"{found.table} is backed up as number {found.id}: {rows:,} rows, "
        f"{data_size(found.bytes)}, in",
        f"  {found.directory}",
        f"Restored into a scratch database in {span(seconds)}: the same rows came back.",
    )
    if not found.old_shape:
        say(
            "It lacks what was dropped for good before it: `pgtide restore` takes it only where "
            f"--backup {found.id} names it."
        )
