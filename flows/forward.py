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


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """Where a flow run shows how it is going."""

    board: Noticeboard
    progress: Progress


def forward(
    migration: Migration, until: Phase, *, hurry: str | None = None, accepts_excess: bool = False
) -> State[PgtideError] | None:
    """Carry out what is left of a migration; return the state that shows a foreseen end."""
    wishes = partial(replace, hurry=hurry, accepts_excess=accepts_excess)
    subject = Subject(
        id=migration.id,
        version=migration.version,
        description=migration.description,
        table=migration.table,
    )
    return carried_out(subject, partial(_carry_out, migration, until, wishes))


def _carry_out(
    migration: Migration,
    until: Phase,
    wishes: Callable[[Caller], Caller],
    invocation: Invocation,
) -> None:
    logger, clock = get_run_logger(), invocation.caller.clock
    board = Noticeboard(migration.id, logger)
    display = Display(board=board, progress=Progress(board.progress, clock.monotonic))
    caller = wishes(heard(invocation, logger, display.progress))
    with board.open(), _held(invocation, caller, migration) as run:
        show_plan(board, run)
        with summarized(board, run):
            while phase := following(run, until):
                _PHASES[phase](run, display)


@contextmanager
def _held(invocation: Invocation, caller: Caller, migration: Migration) -> Iterator[Run]:
    with ExitStack() as stack:
        yield tasks.outcome(
            tasks.preflight(stack, invocation.settings, caller, migration, return_state=True)
        )


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
