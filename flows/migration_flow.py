"""Each migration is a Prefect flow, named after its file."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

from prefect import Flow, State, flow
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.forward import forward
from flows.reason import given
from pgtide.errors import PgtideError
from pgtide.model.backfill import MOST_WORKERS
from pgtide.model.migration import Migration
from pgtide.model.state import Phase

Until = Literal["backup", "expand", "backfill", "finalize", "verify"]


def migration_flow(
    migration: Migration,
) -> Flow[[Until, str | None, bool], State[PgtideError] | None]:
    """Return the flow of the migration that the calling file declares.

    The file's stem is the migration's id; raises InvalidMigration where it cannot be one.
    """
    here = inspect.currentframe()
    caller = here.f_back if here else None
    return flow_of(migration, Path(caller.f_code.co_filename if caller else "").stem)


def flow_of(
    migration: Migration, migration_id: str
) -> Flow[[Until, str | None, bool], State[PgtideError] | None]:
    """Return the flow of a migration under an id."""
    identified = replace(migration, id=migration_id)

    # A thread for each worker of the backfill, however many it takes.
    runner = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=MOST_WORKERS))

    @flow(
        name=migration_id,
        description=migration.description,
        flow_run_name=f"{migration_id.split('_', 2)[-1]} to {{until}}",
        task_runner=runner,
        persist_result=False,
    )
    def migrate(
        until: Until = "verify", hurry: str | None = None, yes: bool = False
    ) -> State[PgtideError] | None:
        """Carry out what is left of the migration.

        Args:
            until: the last phase to carry out
            hurry: why not to wait for its window to open
            yes: begin although the estimate exceeds the disk or a week of windows

        """
        return forward(identified, Phase(until), hurry=given(hurry), accepts_excess=yes)

    return migrate
