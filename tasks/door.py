"""A door: how the engine's work becomes a task run, and how its ends are shown.

Prefect shows and the ledger decides: nothing is cached or persisted, and an end that people foresee
(paused, interrupted, refused) becomes a state with its sentence instead of a traceback. The error
itself stays in the state, so `outcome` raises the very object that the engine raised.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Cancelled, Completed, Failed

from pgtide.errors import (
    AwaitingApproval,
    Busy,
    ConnectionLost,
    Interrupted,
    PgtideError,
    Waiting,
    WindowClosed,
)

P = ParamSpec("P")
R = TypeVar("R")

# Short enough, all together, that a cancelled run still ends well before Prefect kills it.
_DELAYS: Final = [1.0, 2.0, 4.0]


def door(name: str, *, called: str) -> Callable[[Callable[P, R]], Task[P, R | State[PgtideError]]]:
    """Make a task of a function; `called` names its runs, with the function's parameters in it."""

    def made(work: Callable[P, R]) -> Task[P, R | State[PgtideError]]:
        @wraps(work)
        def shown(*args: P.args, **kwargs: P.kwargs) -> R | State[PgtideError]:
            try:
                return work(*args, **kwargs)
            except PgtideError as error:
                return ending(error)

        return task(
            name=name,
            task_run_name=called,
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=len(_DELAYS),
            retry_delay_seconds=_DELAYS,
            retry_condition_fn=is_transient,
        )(shown)

    return made


def ending(error: PgtideError) -> State[PgtideError]:
    """Return the state that shows how work ended, with the error itself as its data."""
    match error:
        case AwaitingApproval():
            return Completed(name="Waiting", message=str(error), data=error)
        case WindowClosed():
            return Completed(name="WindowClosed", message=str(error), data=error)
        case Waiting():
            return Completed(name="Paused", message=str(error), data=error)
        case Busy():
            # Somebody is at it: that is as it should be.
            return Completed(name="Busy", message=str(error), data=error)
        case Interrupted():
            return Cancelled(name="Interrupted", message=str(error), data=error)
        case _:
            return Failed(message=str(error), data=error)


def outcome(state: State[Any]) -> Any:  # noqa: ANN401  # whatever the task returned
    """Return a task run's result, or raise the error that ended it: the original object."""
    found = state.result(raise_on_failure=True)
    if isinstance(found, PgtideError):
        raise found
    return found


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether another try may mend what ended a task run."""
    return isinstance(state.data, ConnectionLost)
