"""The deployments that a flow run finds beside its own: deployed from the same place.

One Prefect server may serve several targets: what another folder or pool has deployed works on a
database that this process knows nothing of.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from flows.deployments import TAG, mark_of
from pgtide.errors import Refused

_PAGE: Final = 200
# The state of a run that found nothing to do: the next one clears it away.
IDLE: Final = "NothingToDo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """A flow run, and the deployments from the place of its own."""

    client: SyncPrefectClient
    run: FlowRun
    deployments: tuple[DeploymentResponse, ...]

    def named(self, name: str) -> DeploymentResponse | None:
        """Return the deployment of a name, with its flow's; None where it is none of these."""
        try:
            found = self.client.read_deployment_by_name(name)
        except ObjectNotFound:
            return None
        return found if found.id in {one.id for one in self.deployments} else None

    def runs(
        self,
        kinds: Collection[StateType],
        *,
        named: str | None = None,
        of: Collection[UUID] | None = None,
    ) -> list[FlowRun]:
        """Return flow runs of the deployments in states of those types, but for this one."""
        ids = [one.id for one in self.deployments] if of is None else list(of)
        state = FlowRunFilterState(
            type=FlowRunFilterStateType(any_=list(kinds)),
            name=FlowRunFilterStateName(any_=[named]) if named else None,
        )
        found: list[FlowRun] = []
        while page := self.client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=ids)),
            flow_run_filter=FlowRunFilter(state=state),
            limit=_PAGE,
            offset=len(found),
        ):
            found += page
        return [one for one in found if one.id != self.run.id]

    def tidy(self) -> None:
        """Clear away runs of this run's own deployment: the idle ones, and those overdue.

        Else a runner that was away for a night would begin all that were due, one after the other.
        """
        own = [one for one in (self.run.deployment_id,) if one is not None]
        due = [one for one in self.runs((StateType.SCHEDULED,), of=own) if _overdue(one)]
        for one in (*due, *self.runs((StateType.COMPLETED,), named=IDLE, of=own)):
            # Another run of the kind may have been faster.
            with suppress(ObjectNotFound):
                self.client.delete_flow_run(one.id)


def neighbours(client: SyncPrefectClient, run: FlowRun | None) -> Neighbours:
    """Return a flow run's neighbours; raises Refused for one without a deployment."""
    if run is None or run.deployment_id is None:
        raise Refused(
            "This flow looks after the deployments beside its own, and has none.",
            state="Nothing was changed.",
            remedy="Start it by its deployment: `pgtide deployments` lists them.",
        )
    own = client.read_deployment(run.deployment_id)
    found = tuple(one for one in _tagged(client) if _place(one) == _place(own))
    return Neighbours(client=client, run=run, deployments=found)


def migration_of(one: FlowRun) -> str | None:
    """Return the migration that a flow run is of, as its tags say."""
    prefix = mark_of("")
    return next((tag.removeprefix(prefix) for tag in one.tags if tag.startswith(prefix)), None)


def _tagged(client: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    ours, offset = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])), 0
    while page := client.read_deployments(deployment_filter=ours, limit=_PAGE, offset=offset):
        yield from page
        offset += len(page)


def _place(one: DeploymentResponse) -> tuple[object, ...]:
    return (one.path, one.work_pool_name, repr(one.pull_steps))


def _overdue(one: FlowRun) -> bool:
    expected = one.expected_start_time
    return one.auto_scheduled and expected is not None and expected < datetime.now(UTC)
