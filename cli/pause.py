"""`pgtide pause`: an operator's hold."""

from datetime import timedelta
from typing import Annotated, Final

import typer

from cli.console import say
from cli.document import show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from pgtide.clock import SYSTEM_CLOCK
from pgtide.ledger.record import find
from pgtide.operate.hold import let_go, live_run
from pgtide.operate.hold import pause as hold
from pgtide.postgres.session import connect

# A batch takes tens of milliseconds and the heart listens each second; a statement may take longer.
_PATIENCE: Final = timedelta(seconds=5)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(pause)


def pause(
    ctx: typer.Context,
    migration: OneId,
    *,
    reason: Annotated[str, typer.Option(help="Why, for whoever sees it.")] = "no reason was given",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Hold a migration until `pgtide resume`; a run at work checkpoints and ends."""
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="pause") as session:
        record = record_of(session, settings, migration)
        before = live_run(session, record, settings.lease)
        hold(session, record, by=settings.actor, reason=reason)
        busy = let_go(session, record, lease=settings.lease, clock=SYSTEM_CLOCK, patience=_PATIENCE)
        now = find(session, record.id) or record
    if as_json:
        show({"id": record.id, "held": True, "state": now.state, "at_work": busy and busy.name})
        return
    say(f"{record.id} is held by {settings.actor}: {reason}. It is {now.state}.")
    if busy:
        say(f"{busy.name} ends after its present statement; `pgtide status` shows when.")
    elif before:
        say("The run at work has checkpointed and ended.")
    say(f"`pgtide resume {record.version}` goes on; the application is not affected meanwhile.")
