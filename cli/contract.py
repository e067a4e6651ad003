"""`pgtide contract`: the new columns get the final names, under a later release."""

from typing import Annotated

import typer

from cli.console import say
from cli.display.words import span
from cli.document import show
from cli.flow import later
from cli.ledger import record_of
from cli.options import By, Json, Now, OneId, Reason, hurry, settings_of
from pgtide.clock import SYSTEM_CLOCK
from pgtide.model.state import Phase
from pgtide.operate.status import status_now
from pgtide.phases.contract import Contracting, refuse_early
from pgtide.postgres.session import connect

Release = Annotated[
    str, typer.Option("--release", metavar="V", help="The release that is live now: 2.2.0.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(contract)


def contract(
    ctx: typer.Context,
    migration: OneId,
    *,
    release: Release,
    now: Now = False,
    reason: Reason = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Give the new columns the final names; the old ones stay, in step, until purge."""
    asked = Contracting(release=release, hurry=hurry(now=now, reason=reason))
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="contract") as session:
        record = record_of(session, settings, migration)
        # The flow looks again; here nobody waits for a Prefect server to learn it.
        refuse_early(session, record, asked, settings)
    begun = SYSTEM_CLOCK.monotonic()
    parameters = {"release": asked.release, "hurry": asked.hurry}
    later(settings, Phase.CONTRACT, record.id, parameters)
    seconds = SYSTEM_CLOCK.monotonic() - begun
    with connect(settings.url, purpose="contract") as session:
        status = status_now(session, settings, record.id)
    if as_json:
        show(status)
        return
    say(f"{record.id} is {status.state} in {span(seconds)}.", status.next)
