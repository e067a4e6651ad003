"""Each migration is a Prefect flow, named after its file."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from prefect import Flow, State, flow
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.forward import forward
from flows.parameters import MigrateParameters
from flows.rehearsal import rehearsed
from pgtide.errors import PgtideError
from pgtide.model.backfill import MOST_WORKERS
from pgtide.model.migration import Migration

_AS_DECLARED: Final = MigrateParameters()
MigrationFlow = Flow[[MigrateParameters], State[PgtideError] | None]


def migration_flow(migration: Migration) -> MigrationFlow:
    """Return the flow of the migration that the calling file declares.

    The file's stem is the migration's id; raises InvalidMigration where it cannot be one.
    """
    here = inspect.currentframe()
    caller = here.f_back if here else None
    return flow_of(migration, Path(caller.f_code.co_filename if caller else "").stem)


def flow_of(migration: Migration, migration_id: str) -> MigrationFlow:
    """Return the flow of a migration under an id."""
    identified = replace(migration, id=migration_id)

    # A thread for each worker of the backfill, however many it takes, and for the group that waits.
    runner = cast(
        "TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=MOST_WORKERS + 1)
    )

    @flow(
        name=migration_id,
        description=migration.description,
        flow_run_name=f"{migration_id.split('_', 2)[-1]} {{parameters.aim}}",
        task_runner=runner,
        persist_result=False,
    )
    def migrate(parameters: MigrateParameters = _AS_DECLARED) -> State[PgtideError] | None:
        """Carry out what is left of the migration.

        Args:
            parameters: how far to go, how hard to work, and what not to wait for

        """
        if parameters.dry_run:
            return rehearsed(identified)
        return forward(identified, parameters)

    return migrate
