"""What looks after all migrations while nobody does: flows that find, and that start or ask others.

They change nothing of a table: `resume` starts what was left, `reaper` gives lost runs back to a
runner, `purge-due` puts a question.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from prefect import State, flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.states import Completed

import tasks
from flows.parameters import ResumeParameters
from flows.service.abandoned import put_back
from flows.service.asking import wake
from flows.service.due_gates import open_gates
from flows.service.going_on import go_on
from flows.service.neighbours import IDLE, Neighbours, neighbours
from pgtide.errors import PgtideError
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings, load

# What was found, and whether anything was done about it.
Found = tuple[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a flow has at hand while it looks around."""

    beside: Neighbours
    session: Session
    settings: Settings


@flow(name="resume", flow_run_name="resume {parameters.aim}", persist_result=False)
def resume(parameters: ResumeParameters) -> State[PgtideError] | State[None]:
    """Start a run for each migration that failed or was cut off, and can go on.

    Args:
        parameters: which migration, and whether holds end

    """

    def work(one: Round) -> Iterable[Found]:
        # What is lost or may go on from its gate need not be started a second time.
        return chain(_reaped(one), go_on(one.beside, one.session, one.settings, parameters))

    return _looked_after(work)


@flow(name="reaper", flow_run_name="reaper", persist_result=False)
def reaper() -> State[PgtideError] | State[None]:
    """Give flow runs that lost their process back to a runner; wake those whose gate is decided."""
    return _looked_after(_reaped)


@flow(name="purge-due", flow_run_name="purge-due", persist_result=False)
def purge_due() -> State[PgtideError] | State[None]:
    """Ask a person about each migration whose retention is over; nothing is dropped without."""

    def work(one: Round) -> Iterable[Found]:
        return open_gates(one.beside, one.session, one.settings)

    return _looked_after(work)


def _reaped(one: Round) -> Iterator[Found]:
    for text in put_back(one.beside, one.session, one.settings):
        yield text, True
    for text in wake(one.beside, one.session, one.settings):
        yield text, True


def _looked_after(
    work: Callable[[Round], Iterable[Found]],
) -> State[PgtideError] | State[None]:
    """Look around once; return the state that says what was found."""
    logger, found = get_run_logger(), list[Found]()
    try:
        settings = load()
        with (
            get_client(sync_client=True) as client,
            connect(settings.url, purpose="reaper") as session,
        ):
            context = FlowRunContext.get()
            beside = neighbours(client, context.flow_run if context else None)
            beside.tidy()
            for text, acted in work(Round(beside=beside, session=session, settings=settings)):
                logger.info(text)
                found.append((text, acted))
    except PgtideError as error:
        return tasks.ending(error)
    told = "; ".join(text for text, _ in found) or "Nothing was found to do."
    if any(acted for _, acted in found):
        return Completed(message=told)
    return Completed(name=IDLE, message=told)
