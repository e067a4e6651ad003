"""Where people see the flow run that this is."""

from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL

from pgtide.settings import Settings


def run_link(settings: Settings) -> str | None:
    """Return the address of the run's page; None where nobody could open it later."""
    base = PREFECT_UI_URL.value() if settings.ui_url is None else settings.ui_url
    if not base or not flow_run.id:
        return None
    return f"{str(base).rstrip('/')}/runs/flow-run/{flow_run.id}"
