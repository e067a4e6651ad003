"""`pgtide resume`: end a hold, then go on as `up`."""

from typing import Final

import typer

from cli.console import note, say
from cli.document import show
from cli.flow import loaded, loaded_one
from cli.ledger import record_of
from cli.options import By, Json, Now, OneId, Reason, hurry, settings_of
from cli.up import Wish, go_on, pending
from pgtide.errors import InvalidMigration, PgtideError, Refused
from pgtide.model.route import LATER, next_phase
from pgtide.model.state import Phase, State
from pgtide.operate.hold import release
from pgtide.operate.status import status_now
from pgtide.postgres.session import connect

_OVER: Final = frozenset({State.COMPLETED, State.ROLLED_BACK})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(resume)


def resume(
    ctx: typer.Context,
    migration: OneId,
    *,
    now: Now = False,
    reason: Reason = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """End the hold on a migration and go on with it, as `up` does."""
    why = hurry(now=now, reason=reason)
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="resume") as session:
        record = record_of(session, settings, migration)
        hold = release(session, record, by=settings.actor)
    said = f"The hold of {hold.by} is released." if hold else "There was no hold."
    note(said)
    if record.state in _OVER or next_phase(record.standing, until=Phase.PURGE) in LATER:
        # Contract and purge are commands of their own, and what was undone starts over by its name.
        with connect(settings.url, purpose="resume") as session:
            status = status_now(session, settings, record.id)
        if as_json:
            show({"migrations": [status]})
        else:
            say(status.next)
        return
    try:
        one = loaded_one(loaded(settings), record.id)
    except (Refused, InvalidMigration) as error:
        raise _released_only(error, said, record.id) from error
    go_on(
        ctx,
        settings,
        pending(settings, [one], Phase.VERIFY, start_over=False),
        Wish(until=Phase.VERIFY, hurry=why),
        as_json=as_json,
    )


def _released_only(error: PgtideError, said: str, migration_id: str) -> Refused:
    return Refused(
        error.what,
        state=f"{said} Nothing else was changed.",
        remedy=f"{error.remedy} Then run `pgtide up {migration_id}` to go on.",
    )
