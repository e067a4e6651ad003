"""Deployments on a Prefect server: written down, with what a person has switched off left off."""

from collections.abc import Collection
from pathlib import Path
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Schedule as PrefectSchedule

from flows.deployments import TAG, Deployment, mark_of
from flows.off_peak import Schedule

# What the server hands out at once.
_PAGE: Final = 200


def for_runner(client: SyncPrefectClient, one: Deployment) -> RunnerDeployment:
    """Return a deployment as Prefect's runner takes it.

    To write a deployment down again makes its schedules anew, all of them at work: a person's
    switches have to be put back.
    """
    before = _before(client, one.full_name)
    off = {each.slug for each in before.schedules if not each.active} if before else set()
    made = RunnerDeployment.from_entrypoint(
        one.entrypoint,
        name=one.name,
        description=one.description,
        tags=list(one.tags),
        parameters=dict(one.parameters),
        schedules=[_schedule(each, active=each.slug not in off) for each in one.schedules],
    )
    made.paused = before.paused if before else False
    return made


def remove_others(
    client: SyncPrefectClient, registered: Collection[UUID], *, kept: Collection[str]
) -> None:
    """Delete what was deployed from this folder and is registered no more.

    Not what belongs to the migrations that are kept: their files are only broken for now.
    """
    here, marks = str(Path.cwd()), {mark_of(migration_id) for migration_id in kept}
    for one in _ours(client):
        if one.path == here and one.id not in registered and marks.isdisjoint(one.tags):
            client.delete_deployment(one.id)


def _before(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _ours(client: SyncPrefectClient) -> list[DeploymentResponse]:
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found: list[DeploymentResponse] = []
    while page := client.read_deployments(deployment_filter=ours, limit=_PAGE, offset=len(found)):
        found += page
    return found


def _schedule(one: Schedule, *, active: bool) -> PrefectSchedule:
    return PrefectSchedule(
        cron=one.cron,
        rrule=one.rrule,
        timezone=one.zone,
        slug=one.slug,
        active=active,
        parameters=dict(one.parameters),
    )
