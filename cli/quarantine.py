"""`pgtide quarantine`: the rows that could not be filled, and another try at them."""

from typing import Annotated

import typer

from cli.console import out, say
from cli.display.quarantine_table import quarantine_table
from cli.display.words import plural
from cli.document import show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from cli.signals import stopping
from pgtide.ledger.quarantine import HeldRow, Left
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.operate.quarantine import listed
from pgtide.phases.quarantine import Tally, retry_now
from pgtide.postgres.session import connect
from pgtide.settings import Settings

Retry = Annotated[
    bool, typer.Option("--retry", help="Try each of them again; what is filled leaves the list.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(quarantine)


def quarantine(
    ctx: typer.Context,
    migration: OneId,
    *,
    retry: Retry = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """List the rows that could not be filled, with why; --retry tries them again."""
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="quarantine") as session:
        record = record_of(session, settings, migration)
        tally = _tried(settings, record) if retry else None
        rows = listed(session, record, actor=settings.actor)
    if as_json:
        show(_document(record, rows, tally))
        return
    if tally is not None:
        say(_words(record, tally))
    if rows:
        out().print(quarantine_table(rows))
        say(
            f"Mend or delete them, or what refuses them, then `pgtide up {record.version}` tries "
            "them again and goes on."
        )
    elif tally is None:
        say(f"No row of {record.id} is in quarantine.")


def _tried(settings: Settings, record: Record) -> Tally:
    with stopping(say) as stop:
        caller = Caller(actor=settings.actor, stop=stop.asked, clock=stop.clock)
        return retry_now(settings, caller, record)


def _words(record: Record, tally: Tally) -> str:
    if not tally:
        return f"No row of {record.id} is in quarantine."
    said = {
        Left.FILLED: "filled now",
        Left.IN_STEP: "in step already",
        Left.GONE: "gone",
        None: "failing still",
    }
    parts = [f"{tally[kind]:,} {words}" for kind, words in said.items() if tally[kind]]
    return f"{plural(tally.total(), 'row')} looked at again: {', '.join(parts)}."


def _document(record: Record, rows: list[HeldRow], tally: Tally | None) -> dict[str, object]:
    tried = None
    if tally is not None:
        tried = {**{kind.value: tally[kind] for kind in Left}, "left": tally[None]}
    return {
        "id": record.id,
        "quarantined": len(rows),
        "limit": record.plan.filling.quarantine,
        "retried": tried,
        "rows": [
            {
                "key": row.key,
                "sqlstate": row.sqlstate,
                "reason": row.reason,
                "tries": row.tries,
                "since": row.at,
                "tried_at": row.tried_at,
            }
            for row in rows
        ],
    }
