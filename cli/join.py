"""`pgtide join`: more workers at a backfill that another process has begun."""

from dataclasses import replace
from typing import Annotated

import typer

from cli.console import say
from cli.display.progress import progress
from cli.display.words import plural
from cli.document import show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from cli.signals import stopping
from pgtide.ledger.joined import joined
from pgtide.ledger.run import Caller
from pgtide.model.backfill import MOST_WORKERS
from pgtide.model.state import Phase
from pgtide.phases.join import join as help_with
from pgtide.postgres.session import connect

Workers = Annotated[
    int | None,
    typer.Option(min=1, max=MOST_WORKERS, help="How many; else as the migration says."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(join)


def join(
    ctx: typer.Context,
    migration: OneId,
    *,
    workers: Workers = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Work at the slices of a backfill that runs elsewhere, until it is through."""
    settings = settings_of(ctx, by=by)
    if workers is not None:
        settings = replace(settings, workers=workers)
    with connect(settings.url, purpose="join") as session:
        record = record_of(session, settings, migration)
    with (
        progress(settings, record.id, [Phase.BACKFILL]) as display,
        stopping(display.tell) as stop,
    ):
        caller = Caller(actor=settings.actor, emit=display.hear, stop=stop.asked, clock=stop.clock)
        with joined(settings, caller, record) as run:
            rows = help_with(run)
    if as_json:
        show({"id": record.id, "rows": rows})
    else:
        say(
            f"{plural(rows, 'row')} of {record.table} were filled here; the run that was joined "
            "goes on with what comes next."
        )
