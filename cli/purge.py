"""`pgtide purge`: the old columns go, for good."""

from dataclasses import asdict
from typing import Annotated

import typer

from cli.console import say
from cli.display.words import span
from cli.document import show
from cli.flow import later
from cli.ledger import record_of
from cli.options import By, Json, Now, OneId, Reason, hurry, reason_for, settings_of
from cli.question import asked_for_yes
from pgtide.clock import SYSTEM_CLOCK
from pgtide.model.state import Phase
from pgtide.operate.purge import losses
from pgtide.operate.status import status_now
from pgtide.phases.last_resort import last_resort
from pgtide.phases.purge import Purging, refuse_early
from pgtide.postgres.session import connect

WithoutBackup = Annotated[
    bool,
    typer.Option(
        "--without-backup", help="Drop them though no whole backup has them; needs --reason."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(purge)


def purge(
    ctx: typer.Context,
    migration: OneId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    now: Now = False,
    without_backup: WithoutBackup = False,
    reason: Reason = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Drop the old columns, the triggers and functions; this cannot be undone."""
    asked = Purging(
        hurry=hurry(now=now, reason=reason),
        without_backup=reason_for("--without-backup", given=without_backup, reason=reason),
    )
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="purge") as session:
        record = record_of(session, settings, migration)
        refuse_early(session, record, asked, settings)
        resort = last_resort(session, record)
    if not yes:
        asked_for_yes(
            ctx,
            f"Purge {record.id} on {record.table}. This cannot be undone:",
            (*losses(record.plan), f"- {resort}"),
            name=f"purge {record.version}",
            as_json=as_json,
        )
    begun = SYSTEM_CLOCK.monotonic()
    later(settings, Phase.PURGE, record.id, asdict(asked))
    seconds = SYSTEM_CLOCK.monotonic() - begun
    with connect(settings.url, purpose="purge") as session:
        status = status_now(session, settings, record.id)
    if as_json:
        show(status)
        return
    say(f"{record.id} is {status.state} in {span(seconds)}.", status.next)
