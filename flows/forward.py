"""The story of a migration: preflight, then phase after phase, as the ledger says.

Prefect shows it. What ends the work is kept for a caller in this process, and becomes the state of
the flow run for everybody else: `Paused` is a completed run, since nothing is wrong; a mismatch or
a failure is a failed one, with its sentence.
"""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from prefect import State, get_run_logger
from prefect.exceptions import TerminationSignal

import tasks
from flows.artifacts import show_performance, show_plan, show_summary, show_verification
from flows.context import Invocation, present
from flows.narrator import Narrator
from flows.noticeboard import Noticeboard
from flows.progress import Progress
from flows.stopping import stopping
from pgtide.errors import Interrupted, PgtideError
from pgtide.events import Event, Listener
from pgtide.ledger import slices
from pgtide.ledger.run import Caller, Run
from pgtide.ledger.slices import Kind
from pgtide.model.migration import Migration
from pgtide.model.state import Phase
from pgtide.model.verification import Verification
from pgtide.phases.backfill import Group
from pgtide.phases.forward import following
from pgtide.phases.verify import MismatchedRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """Where a flow run shows how it is going."""

    board: Noticeboard
    progress: Progress


def forward(migration: Migration, until: Phase) -> State[PgtideError] | None:
    """Carry out what is left of a migration; return the state that shows a foreseen end."""
    invocation = present()
    with stopping(invocation) as asked:
        try:
            _carry_out(invocation, migration, until)
        except PgtideError as error:
            invocation.error = error
        except Exception as error:
            invocation.fault = error
            raise
        finally:
            invocation.ended = True
    interrupted = isinstance(invocation.error, Interrupted)
    if interrupted and asked.signal == signal.SIGTERM and not invocation.at_hand:
        # Cancelled, or shut down: Prefect knows which of the two, and shows it.
        raise TerminationSignal(signal=signal.SIGTERM) from invocation.error
    return tasks.ending(invocation.error) if invocation.error else None


def _carry_out(invocation: Invocation, migration: Migration, until: Phase) -> None:
    logger, clock = get_run_logger(), invocation.caller.clock
    board = Noticeboard(migration.id, logger)
    display = Display(board=board, progress=Progress(board.progress, clock.monotonic))
    narrator = Narrator(logger.info, clock.monotonic)
    caller = replace(
        invocation.caller,
        emit=partial(_tell_all, (invocation.caller.emit, narrator, display.progress)),
    )
    with board.open(), _held(invocation, caller, migration) as run:
        show_plan(board, run)
        with _summarized(board, run):
            while phase := following(run, until):
                _PHASES[phase](run, display)


def _tell_all(listeners: Sequence[Listener], event: Event) -> None:
    for listener in listeners:
        listener(event)


@contextmanager
def _held(invocation: Invocation, caller: Caller, migration: Migration) -> Iterator[Run]:
    with ExitStack() as stack:
        yield tasks.outcome(
            tasks.preflight(stack, invocation.settings, caller, migration, return_state=True)
        )


@contextmanager
def _summarized(board: Noticeboard, run: Run) -> Iterator[None]:
    try:
        yield
    finally:
        # Where the database is out of reach there is nothing to sum up.
        with suppress(PgtideError):
            show_summary(board, run)


def _backup(run: Run, _display: Display) -> None:
    tasks.outcome(tasks.backup(run, return_state=True))


def _expand(run: Run, _display: Display) -> None:
    tasks.outcome(tasks.expand(run, return_state=True))


def _backfill(run: Run, display: Display) -> None:
    def spread(work: Callable[[Group], int], groups: Sequence[Group]) -> None:
        walked = slices.read(run.session, run.lease, Kind.WALK)
        display.progress.begin(
            done=sum(piece.rows for piece in walked), total=run.record.rows_total
        )
        tasks.one_task_each(work, groups)

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
