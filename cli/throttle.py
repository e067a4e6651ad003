"""`pgtide throttle`: the rate of a backfill, while it runs."""

from typing import Annotated

import typer

from cli.console import say
from cli.document import show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from pgtide.ledger.rate import LiveRate
from pgtide.ledger.schema import install
from pgtide.operate.throttle import RateStatus, rate_status, reset
from pgtide.operate.throttle import throttle as set_rate
from pgtide.postgres.session import connect

Duty = Annotated[
    float | None,
    typer.Option(metavar="D", help="The share of the time to be at work: 0.05 to 1."),
]
BatchMs = Annotated[
    float | None, typer.Option("--batch-ms", metavar="MS", help="Milliseconds a batch should take.")
]
Reset = Annotated[
    bool, typer.Option("--reset", help="Back to what the settings and the migration say.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(throttle)


def throttle(
    ctx: typer.Context,
    migration: OneId,
    *,
    duty: Duty = None,
    batch_ms: BatchMs = None,
    back: Reset = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Change how hard a backfill works; a run at work follows within two seconds."""
    wanted = LiveRate(duty=duty, batch_ms=batch_ms)
    if back and wanted != LiveRate():
        raise typer.BadParameter("takes neither --duty nor --batch-ms", param_hint="--reset")
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="throttle") as session:
        record = record_of(session, settings, migration)
        if back or wanted != LiveRate():
            # A ledger of an older pgtide has no place for it.
            install(session, log_schema=settings.log_schema)
        if back:
            reset(session, record, settings=settings)
        elif wanted != LiveRate():
            set_rate(session, record, wanted, settings=settings)
        now = rate_status(session, record, settings)
    if as_json:
        show({"id": record.id, "rate": now})
        return
    say(f"{record.id} works {_words(now)}.")


def _words(now: RateStatus | None) -> str:
    if now is None:
        return "at the rate of its settings; nobody has changed it"
    return (
        f"{now.duty:.0%} of the time, in batches of {now.batch_ms:g} ms, as {now.by} has set it; "
        "`--reset` ends that"
    )
