"""Where people see the flow run that this is."""

from prefect.runtime import flow_run

from pgtide.settings import Settings


def run_link(settings: Settings) -> str | None:
    """Return the address of the run's page; None where nobody could open it later."""
    if settings.ui_url is None:
        return flow_run.ui_url
    if not settings.ui_url or not flow_run.id:
        return None
    return f"{settings.ui_url.rstrip('/')}/runs/flow-run/{flow_run.id}"
