"""`pgtide restore`: a backup that passed, into an empty database."""

from collections.abc import Iterator
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
from pgtide.operate.restore import Restored
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
    number: Annotated[
        int | None,
        typer.Option(
            "--backup",
            metavar="N",
            help="Its number; else the newest from before anything was dropped for good.",
        ),
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Restore the table from a backup into an empty database, and compare it."""
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="restore") as session:
        record = record_of(session, settings, migration)
    with backup_lines() as lines, stopping(lines.tell) as stop:
        caller = Caller(actor=settings.actor, emit=lines.hear, stop=stop.asked, clock=stop.clock)
        found = bring_back(settings, caller, record, into=into, number=number)
    if as_json:
        show(_document(found))
    else:
        say(*_lines(found))


def _document(found: Restored) -> dict[str, object]:
    chosen, newer = found.backup, found.newer
    return {
        "id": chosen.migration_id,
        "backup": chosen.id,
        "table": str(chosen.table),
        "taken_at": chosen.taken_at,
        "old_shape": chosen.old_shape,
        "newer": {"backup": newer.id, "taken_at": newer.taken_at} if newer else None,
        "rows": found.rows,
        "seconds": round(found.seconds, 3),
    }


def _lines(found: Restored) -> Iterator[str]:
    chosen, newer = found.backup, found.newer
    yield (
        f"{chosen.table} is restored as it was on {moment(chosen.taken_at)} UTC, from backup "
        f"{chosen.id}: {found.rows:,} rows in {span(found.seconds)}, compared."
    )
    yield "Indexes, keys, triggers and privileges are not part of it."
    if newer:
        yield (
            f"Backup {newer.id}, of {moment(newer.taken_at)} UTC, is newer and lacks what was "
            f"dropped for good before it: --backup {newer.id} restores that one."
        )
