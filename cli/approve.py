"""`pgtide approve`: a person's decision on a gate; needs the ledger alone."""

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from cli.console import say
from cli.display.words import plural
from cli.document import plain, show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from pgtide.clock import SYSTEM_CLOCK
from pgtide.ledger.approvals import form_open
from pgtide.ledger.record import find
from pgtide.ledger.schema import install
from pgtide.model.gate import Gate
from pgtide.operate.approve import Decided, Watched, Wish, decide_gate
from pgtide.operate.status import status_of
from pgtide.postgres.session import connect

_GATES: Final = ", ".join(Gate)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(approve)


def approve(
    ctx: typer.Context,
    migration: OneId,
    gate: Annotated[Gate, typer.Argument(metavar="GATE", help=f"One of {_GATES}.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the audit.")],
    reject: Annotated[
        bool, typer.Option("--reject", help="Decide against it, or withdraw an approval.")
    ] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Decide on a gate: what waits for it goes on, or does not."""
    settings = settings_of(ctx)
    with connect(settings.url, purpose="approve") as session:
        record = record_of(session, settings, migration)
        install(session, log_schema=settings.log_schema)
        wish = Wish(gate=gate, approve=not reject, reason=reason, by=by)
        waits = bool(settings.prefect_api_url) or form_open(session, record.id, gate)
        decided = decide_gate(session, settings, record, wish, clock=SYSTEM_CLOCK)
        status = status_of(session, settings, find(session, record.id) or record)
    if as_json:
        show({"id": record.id, **_fields(decided), "next": status.next})
        return
    say(*_lines(record.id, decided))
    if waits:
        say("A run that waits for it in Prefect hears of it within minutes.")
    say(status.next)


def _fields(decided: Decided) -> dict[str, object]:
    found = plain(decided)
    return found if isinstance(found, dict) else {}


def _lines(migration_id: str, decided: Decided) -> Iterator[str]:
    word = "approved" if decided.approved else "rejected"
    typed = "" if decided.typed_by == decided.actor else f", typed by {decided.typed_by}"
    yield (
        f"{migration_id}: the gate {decided.gate} is {word} by {decided.actor}{typed} "
        f"({decided.account}): {decided.reason}."
    )
    if decided.mended:
        yield _watched(decided.mended)


def _watched(seen: Watched) -> str:
    total = f"{plural(seen.writes, 'write')} since expand wrote one shape only"
    if seen.rose_by:
        return (
            f"{total}, {seen.rose_by:,} of them in the {seen.seconds} s just watched: a release "
            "that does not write both shapes is still at work. The triggers write the other shape "
            "for it; look again with `pgtide status`."
        )
    return f"{total}, none of them in the {seen.seconds} s just watched."
