"""`pgtide down`: back to the old shape; needs the ledger alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

import typer

from cli.console import note, say
from cli.display.progress import progress
from cli.display.words import plural, span
from cli.document import show
from cli.ledger import record_of
from cli.options import By, Json, OneId, settings_of
from cli.question import asked_for_yes
from cli.signals import Stop, stopping
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import Interrupted
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from pgtide.notify.notice import Subject
from pgtide.operate.announce import announced
from pgtide.operate.hold import held_for_undo, let_go, live_run, still_held
from pgtide.operate.status import status_now
from pgtide.operate.undo import along, archived, contract_losses, losses
from pgtide.phases.backward import refuse_undo, undo
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings

# Longer than a pause between two tries at a lock (10 s), after which a run hears of the hold.
_PATIENCE: Final = timedelta(seconds=15)


class To(StrEnum):
    """How far back: to the start, or to where only contract is undone."""

    START = "start"
    VERIFIED = "verified"


_STATES: Final = MappingProxyType({To.START: State.ROLLED_BACK, To.VERIFIED: State.VERIFIED})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(down)


def down(
    ctx: typer.Context,
    migration: OneId,
    *,
    to: Annotated[To, typer.Option("--to", help="`verified` undoes contract only.")] = To.START,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Undo a migration: the old shape comes back, with every write to it kept."""
    settings = settings_of(ctx, by=by)
    with connect(settings.url, purpose="down") as session:
        record = record_of(session, settings, migration)
        refuse_undo(session, record, to=_STATES[to])
        _tell(ctx, record, to, session, yes=yes, as_json=as_json)
        begun = SYSTEM_CLOCK.monotonic()
        _undo(session, settings, record, to=_STATES[to])
        seconds = SYSTEM_CLOCK.monotonic() - begun
        status = status_now(session, settings, record.id)
        rows = archived(session, record.id)
    if as_json:
        show(
            {
                "id": record.id,
                "state": status.state,
                "seconds": round(seconds, 3),
                "archived_rows": rows,
            }
        )
        return
    if to is To.VERIFIED:
        say(f"The contract of {record.id} is undone in {span(seconds)}: it is {status.state}.")
        say(status.next)
        return
    say(f"{record.id} is undone in {span(seconds)}: {record.table} has its old shape again.")
    if rows:
        say(f"{plural(rows, 'row')} had values that the old shape lacks; pgtide.archive has them.")


def _tell(
    ctx: typer.Context, record: Record, to: To, session: Session, *, yes: bool, as_json: bool
) -> None:
    """Say what goes, and ask unless the answer is there already."""
    others = tuple(along(session, record.id)) if to is To.START else ()
    if yes:
        for line in others:
            note(line)
        return
    mine = losses(record.plan) if to is To.START else contract_losses(record.plan)
    asked_for_yes(
        ctx,
        f"Undo {record.id} on {record.table}, which is {record.state}:",
        (*mine, *others),
        name=f"down {record.version}" + ("" if to is To.START else f" --to {to}"),
        as_json=as_json,
    )


def _undo(session: Session, settings: Settings, record: Record, *, to: State) -> None:
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
        subject = Subject(id=record.id, version=record.version, table=str(record.table))
        with announced(
            settings, caller, subject, attended=True, warn=display.tell
        ) as announced_caller:
            undo(settings, announced_caller, record, to=to)


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
