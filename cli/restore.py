"""`pgtide restore`: the newest backup that passed, into an empty database."""

from typing import Annotated

import typer

from cli.console import say
from cli.display.backup_lines import backup_lines
from cli.display.words import moment, span
from cli.document import show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from cli.signals import stopping
from pgtide.ledger.run import Caller
from pgtide.operate.restore import restore as bring_back
from pgtide.postgres.session import connect


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(restore)


def restore(
    ctx: typer.Context,
    migration: OneId,
    *,
    into: Annotated[
        str, typer.Option("--into", metavar="DB", help="An empty database: its name, or address.")
    ],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Restore the table from its newest backup into an empty database, and compare it."""
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="restore") as session:
        record = record_of(session, settings, migration)
    with backup_lines() as lines, stopping(lines.tell) as stop:
        caller = Caller(actor=settings.actor, emit=lines.hear, stop=stop.asked, clock=stop.clock)
        found = bring_back(settings, caller, record, into=into)
    table, taken_at = found.backup.table, found.backup.taken_at
    if as_json:
        seconds = round(found.seconds, 3)
        show(
            {
                "id": record.id,
                "table": str(table),
                "taken_at": taken_at,
                "rows": found.rows,
                "seconds": seconds,
            }
        )
        return
    say(
        f"{table} is restored as it was on {moment(taken_at)} UTC: {found.rows:,} rows in "
        f"{span(found.seconds)}, compared.",
        "Indexes, keys, triggers and privileges are not part of it.",
    )
