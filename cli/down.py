"""`pgtide down`: back to the old shape; needs the ledger alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Final

import typer

from cli.console import interactive, note, say
from cli.display.progress import progress
from cli.display.words import plural, span
from cli.document import show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from cli.signals import Stop, stopping
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import Interrupted, Refused
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.operate.hold import held_for_undo, let_go, live_run, still_held
from pgtide.operate.undo import archived, losses, undoable
from pgtide.phases.backward import undo
from pgtide.phases.free_step import refuse_irreversible
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings

# Longer than a pause between two tries at a lock (10 s), after which a run hears of the hold.
_PATIENCE: Final = timedelta(seconds=15)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(down)


def down(
    ctx: typer.Context,
    migration: OneId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Undo a migration: the old shape comes back, with every write to it kept."""
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="down") as session:
        record = record_of(session, settings, migration)
        _refuse_nothing(record)
        refuse_irreversible(session, record)
        if not yes:
            _ask(record, as_json=as_json)
        begun = SYSTEM_CLOCK.monotonic()
        _undo(session, settings, record)
        seconds = SYSTEM_CLOCK.monotonic() - begun
        rows = archived(session, record.id)
    if as_json:
        show(
            {
                "id": record.id,
                "state": "rolled_back",
                "seconds": round(seconds, 3),
                "archived_rows": rows,
            }
        )
        return
    say(f"{record.id} is undone in {span(seconds)}: {record.table} has its old shape again.")
    if rows:
        say(f"{plural(rows, 'row')} had values that the old shape lacks; pgtide.archive has them.")


def _refuse_nothing(record: Record) -> None:
    if not undoable(record.state):
        raise Refused(
            f"{record.id} is {record.state}: there is nothing to undo.",
            state="Nothing was changed.",
            remedy="`pgtide status` lists what can be undone.",
        )


def _ask(record: Record, *, as_json: bool) -> None:
    if as_json or not interactive():
        raise Refused(
            f"Undoing {record.id} needs a yes, and nobody can be asked here.",
            state="Nothing was changed.",
            remedy=f"Run `pgtide down {record.version} --yes`.",
        )
    say(f"Undo {record.id} on {record.table}, which is {record.state}:")
    for line in losses(record.plan):
        say(f"  {line}")
    try:
        answer = input("Type yes to undo it: ")
    except EOFError:
        answer = ""
    if answer.strip() != "yes":
        raise Refused(
            f"{record.id} was not undone: the answer was not `yes`.",
            state="Nothing was changed.",
            remedy="Run the command again when you are sure.",
        )


def _undo(session: Session, settings: Settings, record: Record) -> None:
    with (
        progress(settings, record.id, [Phase.ROLLBACK]) as display,
        stopping(display.tell) as stop,
        _cleared(session, settings, record, stop),
    ):
        caller = Caller(
            actor=settings.actor,
            emit=display.hear,
            stop=stop.asked,
            clock=stop.clock,
            heeds_hold=False,
        )
        undo(settings, caller, record)


@contextmanager
def _cleared(session: Session, settings: Settings, record: Record, stop: Stop) -> Iterator[None]:
    """Hold the migration and wait until a run at work has checkpointed and let go."""
    with held_for_undo(session, record, by=settings.actor):
        at_work = live_run(session, record, settings.lease)
        if at_work:
            note(f"waiting for {at_work.name} to checkpoint and let go ...")
            busy = let_go(
                session, record, lease=settings.lease, clock=stop.clock, patience=_PATIENCE
            )
            if stop.asked.is_set():
                raise Interrupted(
                    f"Undoing {record.id} was interrupted before it began.",
                    state="Nothing was undone; the run at work was asked to pause.",
                    remedy="`pgtide status` shows where it stands; `pgtide up` goes on.",
                )
            if busy:
                raise still_held(session, record, busy)
        yield
