"""Flow runs that the end of a service cuts off: begun again when it is back.

The migration itself loses nothing by it: the ledger knows where to go on. But nobody would start
the run again, and Prefect would show it at work for ever.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import AwaitingRetry, Cancelled

_AT_WORK: Final = (StateType.PENDING, StateType.RUNNING)
_ENDED: Final = (StateType.CRASHED, StateType.CANCELLED)
_WHY: Final = "pgtide serve was stopped; the run goes on now that it is back."


def note_cut_off(client: SyncPrefectClient, path: Path, deployments: Collection[UUID]) -> None:
    """Write down which runs are at work, before their processes are stopped."""
    found = [str(one.id) for one in _runs(client, deployments, _AT_WORK)]
    path.write_text(json.dumps(found), encoding="utf-8")


def begin_again(client: SyncPrefectClient, path: Path, deployments: Collection[UUID]) -> int:
    """Schedule what the last service has cut off; return how many runs that are.

    For a runner that has not begun to fetch any: whatever is at work by the server's account has
    lost its process.
    """
    lost = _runs(client, deployments, _AT_WORK)
    noted = _noted(path)
    if noted:
        lost += _runs(client, deployments, _ENDED, ids=noted)
    for one in lost:
        client.set_flow_run_state(one.id, AwaitingRetry(message=_WHY), force=True)
    for one in _runs(client, deployments, (StateType.CANCELLING,)):
        client.set_flow_run_state(one.id, Cancelled(), force=True)
    path.unlink(missing_ok=True)
    return len(lost)


def _noted(path: Path) -> list[UUID]:
    try:
        return [UUID(one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []


def _runs(
    client: SyncPrefectClient,
    deployments: Collection[UUID],
    kinds: Collection[StateType],
    *,
    ids: Collection[UUID] = (),
) -> list[FlowRun]:
    if not deployments:
        return []
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(deployments))),
        flow_run_filter=FlowRunFilter(
            id=FlowRunFilterId(any_=list(ids)) if ids else None,
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(kinds))),
        ),
    )
