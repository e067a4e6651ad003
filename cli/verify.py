"""`pgtide verify`: look again, now."""

import typer

from cli.console import out, say
from cli.display.mismatches import mismatches
from cli.display.progress import progress
from cli.display.words import span
from cli.document import plain, show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from cli.signals import stopping
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.phases.verify import MismatchedRows
from pgtide.phases.verify_again import verify_again
from pgtide.postgres.session import connect


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(ctx: typer.Context, migration: OneId, *, by: By = None, as_json: Json = False) -> None:
    """Compare all rows and the schema again; a mismatch withdraws `verified`."""
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="verify") as session:
        record = record_of(session, settings, migration)
    try:
        with (
            progress(settings, record.id, [Phase.VERIFY]) as display,
            stopping(display.tell) as stop,
        ):
            caller = Caller(
                actor=settings.actor, emit=display.hear, stop=stop.asked, clock=stop.clock
            )
            found = verify_again(settings, caller, record)
    except MismatchedRows as error:
        if error.found and as_json:
            # The error is the document; what was found stands beside it.
            ctx.meta["pgtide.document"] = {"id": record.id, "verification": plain(error.found)}
        elif error.found and error.found.sample:
            out().print(mismatches(error.found))
        raise
    if as_json:
        show({"id": record.id, "verification": found})
    else:
        say(
            f"{record.id} is verified, level {found.level}: {found.rows:,} rows in "
            f"{span(found.seconds)}, none out of step."
        )
