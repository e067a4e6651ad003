"""The story of a migration: preflight, then phase after phase, as the ledger says."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from prefect import State, get_run_logger

import tasks
from flows.artifacts import show_performance, show_plan, show_verification
from flows.carried import carried_out, heard, summarized
from flows.context import Invocation
from flows.noticeboard import Noticeboard
from flows.parameters import MigrateParameters
from flows.progress import Progress
from pgtide.backfill.spread import Group
from pgtide.errors import PgtideError
from pgtide.ledger import slices
from pgtide.ledger.run import Caller, Run
from pgtide.ledger.slices import Kind
from pgtide.model.migration import Migration
from pgtide.model.state import Phase
from pgtide.model.verification import Verification
from pgtide.notify.notice import Subject
from pgtide.phases.forward import following
from pgtide.phases.verify import MismatchedRows
from pgtide.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """Where a flow run shows how it is going."""

    board: Noticeboard
    progress: Progress


def forward(migration: Migration, asked: MigrateParameters) -> State[PgtideError] | None:
    """Carry out what is left of a migration; return the state that shows a foreseen end."""
    subject = Subject(
        id=migration.id,
        version=migration.version,
        description=migration.description,
        table=migration.table,
    )
    return carried_out(subject, partial(_carry_out, migration, asked))


def _carry_out(migration: Migration, asked: MigrateParameters, invocation: Invocation) -> None:
    logger, clock = get_run_logger(), invocation.caller.clock
    board = Noticeboard(migration.id, logger)
    display = Display(board=board, progress=Progress(board.progress, clock.monotonic))
    caller = replace(
        heard(invocation, logger, display.progress),
        hurry=asked.hurry,
        accepts_excess=asked.accept_excess,
        starts_over=asked.start_over,
    )
    settings = settings_for(invocation.settings, asked)
    with board.open(), _held(settings, caller, migration) as run:
        show_plan(board, run)
        with summarized(board, run):
            while phase := following(run, Phase(asked.until)):
                _PHASES[phase](run, display)


def settings_for(settings: Settings, asked: MigrateParameters) -> Settings:
    """Return settings with what the form asks for; what it leaves empty stays as it is."""
    return replace(
        settings,
        workers=settings.workers if asked.workers is None else asked.workers,
        duty=settings.duty if asked.duty is None else asked.duty,
    )


@contextmanager
def _held(settings: Settings, caller: Caller, migration: Migration) -> Iterator[Run]:
    with ExitStack() as stack:
        yield tasks.outcome(tasks.preflight(stack, settings, caller, migration, return_state=True))


def _backup(run: Run, _display: Display) -> None:
    tasks.outcome(tasks.backup(run, return_state=True))


def _expand(run: Run, _display: Display) -> None:
    tasks.outcome(tasks.expand(run, return_state=True))


def _backfill(run: Run, display: Display) -> None:
    def spread(work: Callable[[Group], int], groups: Sequence[Group], workers: int) -> None:
        walked = slices.read(run.session, run.lease, Kind.WALK)
        display.progress.begin(
            done=sum(piece.rows for piece in walked), total=run.record.rows_total
        )
        tasks.one_task_each(work, groups, workers)

    tasks.outcome(tasks.backfill(run, spread, return_state=True))
    display.progress.end()


def _finalize(run: Run, display: Display) -> None:
    tasks.outcome(tasks.finalize(run, return_state=True))
    show_performance(display.board, run)


def _verify(run: Run, display: Display) -> None:
    try:
        found: Verification | None = tasks.outcome(tasks.verify(run, return_state=True))
    except MismatchedRows as mismatched:
        if mismatched.found is not None:
            show_verification(display.board, mismatched.found)
        raise
    if found is not None:
        show_verification(display.board, found)


_PHASES = {
    Phase.BACKUP: _backup,
    Phase.EXPAND: _expand,
    Phase.BACKFILL: _backfill,
    Phase.FINALIZE: _finalize,
    Phase.VERIFY: _verify,
}
