"""Runs that wait at a gate for an answer in their form: woken once the ledger asks no more."""

from collections.abc import Iterator
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from httpx import HTTPStatusError
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import AwaitingRetry

from flows.service.neighbours import Neighbours, migration_of
from pgtide.operate.question import question
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_WHY: Final = "What it has asked was decided elsewhere."
# The server wants the form filled in. Nobody reads this: the run finds another question, or none.
_FILLED: Final = MappingProxyType({"decision": "reject", "name": "pgtide", "reason": _WHY})


def wake(beside: Neighbours, session: Session, settings: Settings) -> Iterator[str]:
    """Let each run go on whose question is not the present one any more, or was never put."""
    for one in beside.runs((StateType.PAUSED,)):
        details = one.state.state_details if one.state else None
        keys, migration_id = details.run_input_keyset if details else None, migration_of(one)
        if details is None or keys is None or migration_id is None:
            # Somebody has pressed Pause, and will press Resume.
            continue
        asked = question(session, settings, migration_id)
        present = asked is not None and str(details.pause_key).startswith(f"{asked.mark}-")
        if not (present and _put(beside.client, one, keys["schema"])):
            _resume(beside.client, one)
            yield f"{one.name} goes on from its gate"


def _put(client: SyncPrefectClient, one: FlowRun, key: str) -> bool:
    """Tell whether the form is there: a process that died may have left a run without one."""
    try:
        client.read_flow_run_input(one.id, key)
    except HTTPStatusError as error:
        if error.response.status_code == HTTPStatus.NOT_FOUND:
            return False
        raise
    return True


def _resume(client: SyncPrefectClient, one: FlowRun) -> None:
    answer = client.resume_flow_run(one.id, run_input=dict(_FILLED))
    if answer.status is not SetStateStatus.ACCEPT:
        client.set_flow_run_state(one.id, AwaitingRetry(message=_WHY), force=True)
