"""Where people see the flow run that this is, and what it pins up."""

from collections.abc import Collection

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
)
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL

from pgtide.settings import Settings


def run_link(settings: Settings) -> str | None:
    """Return the address of the run's page; None where nobody could open it later."""
    base = _base(settings)
    return f"{base}/runs/flow-run/{flow_run.id}" if base and flow_run.id else None


def artifact_links(settings: Settings, keys: Collection[str]) -> dict[str, str]:
    """Return the addresses of the newest artifacts, by their keys; none of what is not there."""
    base = _base(settings)
    if not base:
        return {}
    wanted = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=list(keys)))
    try:
        with get_client(sync_client=True) as client:
            found = client.read_latest_artifacts(artifact_filter=wanted)
    except (PrefectException, HTTPError):
        # A question is worth more than what lies beside it.
        return {}
    return {str(one.key): f"{base}/artifacts/artifact/{one.latest_id}" for one in found}


def _base(settings: Settings) -> str:
    base = PREFECT_UI_URL.value() if settings.ui_url is None else settings.ui_url
    return str(base or "").rstrip("/")
