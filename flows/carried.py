"""What every flow has around its work: signals, listeners, and how the end is shown.

Prefect shows it. What ends the work is kept for a caller in this process, and becomes the state of
the flow run for everybody else: `Paused`, `Waiting` at a gate, `WindowClosed` and `Busy` are
completed runs, since nothing is wrong; a mismatch or a failure is a failed one, with its sentence.
"""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from logging import Logger, LoggerAdapter

from prefect import State, get_run_logger
from prefect.exceptions import Pause, TerminationSignal
from prefect.states import Cancelled

import tasks
from flows.artifacts import show_summary
from flows.context import Invocation, present
from flows.gates import through_gates
from flows.narrator import Narrator
from flows.noticeboard import Noticeboard
from flows.run_link import run_link
from flows.stopping import Asked, stopping
from flows.watching import Watch, watching
from pgtide.errors import Interrupted, PgtideError
from pgtide.events import Event, Listener
from pgtide.ledger.run import Caller, Run
from pgtide.notify.notice import Subject
from pgtide.operate.announce import announced


def carried_out(
    subject: Subject | None, work: Callable[[Invocation], None]
) -> State[PgtideError] | None:
    """Do the work of a flow; return the state that shows a foreseen end.

    It is announced, unless there is nothing to announce: no subject.
    """
    invocation = present()
    with stopping(invocation) as asked, watching(invocation) as watch:
        try:
            with _announced(invocation, subject) if subject else nullcontext():
                _worked(invocation, subject, work)
        except PgtideError as error:
            invocation.error = error
        except Exception as error:
            invocation.fault = error
            raise
        finally:
            invocation.ended = True
    if isinstance(invocation.error, Interrupted) and not invocation.at_hand:
        return _stopped(invocation.error, asked, watch)
    return tasks.ending(invocation.error) if invocation.error else None


def _worked(
    invocation: Invocation, subject: Subject | None, work: Callable[[Invocation], None]
) -> None:
    if subject is None:
        work(invocation)
    else:
        through_gates(subject.id, work, invocation)


def _stopped(error: Interrupted, asked: Asked, watch: Watch | None) -> State[PgtideError]:
    """Return the state of a run that was stopped, or leave it the one that it was given."""
    seen = watch.at_last() if watch else None
    if seen is not None and (seen.is_cancelling() or seen.is_cancelled()):
        return Cancelled(message=str(error), data=error)
    if asked.signal == signal.SIGTERM:
        # Shut down: Prefect shows it, and whoever has stopped us begins the run again.
        raise TerminationSignal(signal=signal.SIGTERM) from error
    if seen is None:
        return tasks.ending(error)
    # Paused, or put back to begin again elsewhere: the process goes, and the state stays.
    raise Pause(state=seen) from error


@contextmanager
def _announced(invocation: Invocation, subject: Subject) -> Iterator[None]:
    with announced(
        invocation.settings,
        invocation.caller,
        replace(subject, link=run_link(invocation.settings)),
        attended=invocation.at_hand,
        warn=get_run_logger().warning,
    ) as caller:
        invocation.caller = caller
        yield


def heard(
    invocation: Invocation, logger: Logger | LoggerAdapter[Logger], *listeners: Listener
) -> Caller:
    """Return the caller, with everybody who listens: itself, the run's log, and more."""
    narrator = Narrator(logger.info, invocation.caller.clock.monotonic)
    everybody: tuple[Listener, ...] = (invocation.caller.emit, narrator, *listeners)
    return replace(invocation.caller, emit=partial(_tell_all, everybody))


@contextmanager
def summarized(board: Noticeboard, run: Run) -> Iterator[None]:
    """Pin up where the migration stands once the block is over, however it ends."""
    try:
        yield
    finally:
        # Where the database is out of reach there is nothing to sum up.
        with suppress(PgtideError):
            show_summary(board, run)


def _tell_all(listeners: Sequence[Listener], event: Event) -> None:
    for listener in listeners:
        listener(event)
