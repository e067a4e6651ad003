"""Where people see the flow run that this is, and what it pins up."""

from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL

from pgtide.settings import Settings


def run_link(settings: Settings) -> str | None:
    """Return the address of the run's page; None where nobody could open it later."""
    base = _base(settings)
    return f"{base}/runs/flow-run/{flow_run.id}" if base and flow_run.id else None


def artifact_link(settings: Settings, key: str) -> str | None:
    """Return the address of an artifact's newest version; None where there is no such place."""
    base = _base(settings)
    return f"{base}/artifacts/key/{key}" if base else None


def _base(settings: Settings) -> str:
    base = PREFECT_UI_URL.value() if settings.ui_url is None else settings.ui_url
    return str(base or "").rstrip("/")
