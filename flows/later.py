"""What a later release asks for, and the way back: flows for any migration, by its id.

They need the ledger alone, neither the migration's file nor its plan.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, cast

from prefect import State, flow, get_run_logger
from prefect.futures import PrefectFuture
from prefect.states import Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

import tasks
from flows.artifacts import show_performance
from flows.carried import carried_out, heard, summarized
from flows.context import Invocation
from flows.noticeboard import Noticeboard
from flows.parameters import ContractParameters, PurgeParameters, RollbackParameters
from pgtide.errors import PgtideError
from pgtide.ledger.run import Run
from pgtide.model.state import State as Stand
from pgtide.notify.notice import Subject
from pgtide.phases.begun import recorded
from pgtide.phases.contract import Contracting
from pgtide.phases.purge import Purging


# One worker: a run's session serves one thread at a time.
def _alone() -> TaskRunner[PrefectFuture[Any]]:
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=1))


@flow(flow_run_name="contract {migration}", task_runner=_alone(), persist_result=False)
def contract(migration: str, parameters: ContractParameters) -> State[PgtideError] | None:
    """Give the new columns of a migration their final names.

    Args:
        migration: its id
        parameters: the release now live, and why not to wait

    """
    asked = Contracting(release=parameters.release, hurry=parameters.hurry)

    def work(run: Run, board: Noticeboard) -> None:
        try:
            tasks.outcome(tasks.contract(run, asked, return_state=True))
        finally:
            # What it took also says why a refusal came.
            with suppress(PgtideError):
                show_performance(board, run)

    return carried_out(Subject(id=migration), partial(_on_held, migration, work))


@flow(flow_run_name="purge {migration}", task_runner=_alone(), persist_result=False)
def purge(migration: str, parameters: PurgeParameters) -> State[PgtideError] | None:
    """Drop what only the old shape needs; there is no way back from here.

    Args:
        migration: its id
        parameters: why not to wait, and why without a backup

    """
    asked = Purging(hurry=parameters.hurry, without_backup=parameters.without_backup)

    def work(run: Run, _board: Noticeboard) -> None:
        tasks.outcome(tasks.purge(run, asked, return_state=True))

    return carried_out(Subject(id=migration), partial(_on_held, migration, work))


@flow(flow_run_name="rollback {migration}", task_runner=_alone(), persist_result=False)
def rollback(migration: str, parameters: RollbackParameters) -> State[PgtideError] | None:
    """Undo a migration, or its contract only, with every write kept.

    Args:
        migration: its id
        parameters: how far back

    """
    to = Stand.VERIFIED if parameters.to == "verified" else Stand.ROLLED_BACK

    def work(invocation: Invocation) -> None:
        # A hold keeps everybody else away meanwhile, and need not be ended first.
        caller = replace(heard(invocation, get_run_logger()), heeds_hold=False)
        record = recorded(invocation.settings, migration)
        tasks.outcome(tasks.rollback(invocation.settings, caller, record, to, return_state=True))

    ended = carried_out(Subject(id=migration), work)
    if ended is not None and ended.name == "Busy":
        # Who wants a migration back must not take this for done.
        return Failed(message=ended.message, data=ended.data)
    return ended


def _on_held(
    migration_id: str, work: Callable[[Run, Noticeboard], None], invocation: Invocation
) -> None:
    logger = get_run_logger()
    board = Noticeboard(migration_id, logger)
    with board.open(), _held(invocation, migration_id) as run, summarized(board, run):
        work(run, board)


@contextmanager
def _held(invocation: Invocation, migration_id: str) -> Iterator[Run]:
    caller = heard(invocation, get_run_logger())
    record = recorded(invocation.settings, migration_id)
    with ExitStack() as stack:
        yield tasks.outcome(
            tasks.hold(stack, invocation.settings, caller, record, return_state=True)
        )
