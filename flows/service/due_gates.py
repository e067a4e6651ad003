"""The gate before purge, opened for what is due: a run that asks a person, and waits."""

from collections.abc import Iterator
from typing import Final

from prefect.client.schemas.objects import StateType

from flows.service.neighbours import Neighbours
from pgtide.ledger.record import every
from pgtide.operate.due import Due, due
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_OPEN: Final = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED)


def open_gates(
    beside: Neighbours, session: Session, settings: Settings
) -> Iterator[tuple[str, bool]]:
    """Start a purge for each migration that is due; say of each what comes of it, and whether.

    Where somebody has decided before, none is started: after a yes it would drop with nobody there,
    and a no need not be asked again every day.
    """
    for record in every(session):
        found = due(session, settings, record)
        if found is not None:
            yield _opened(beside, found)


def _opened(beside: Neighbours, found: Due) -> tuple[str, bool]:
    name = f"purge/{found.id}"
    if found.decided is not None:
        told = f"{found.decided}; `pgtide purge {found.version}` or {name} drops what is old"
        return f"{found.id} is due, and was decided on: {told}", False
    where = beside.named(name)
    if where is None:
        return f"{found.id} is due, and there is no deployment {name} here to ask with", False
    if asking := beside.runs(_OPEN, of=[where.id]):
        return f"{found.id} is due; {asking[0].name} is {asking[0].state_name} already", False
    beside.client.create_flow_run_from_deployment(where.id, parameters={"parameters": {}})
    return f"{found.id} is due: {name} asks whether the old columns may go", True
