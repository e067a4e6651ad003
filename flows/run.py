"""Run a migration's flow in this process, and learn how it ended as the engine says it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final, cast

from prefect import Flow, State
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)

from flows.context import invoking
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.settings import Settings

# What holds for every flow that runs in the caller's process.
_HERE: Final[Mapping[Any, object]] = MappingProxyType(
    {
        # The server that is started where there is none must not phone home.
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        # Prefect's own costs each run a second; the heartbeat that counts is the ledger's.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
)

# Prefect knocks ten times, 7 s in all, for each event that a lost server did not take, also while
# the process ends: an hour for 200 groups. With two tries it keeps them until the server is back.
_KNOCKS: Final = 2


def run_flow(
    flow: Flow[..., Any], settings: Settings, caller: Caller, *, until: Phase = Phase.VERIFY
) -> None:
    """Run a migration's own flow; raises what ended the engine's work: the very error."""
    run_any(flow, settings, caller, {"parameters": {"until": until.value}})


def run_any(
    flow: Flow[..., Any], settings: Settings, caller: Caller, parameters: Mapping[str, object]
) -> None:
    """Run a flow to its end; raises what ended the engine's work: the very error.

    On the server that the settings name, else on one that lives as long as the run. A server that
    is lost on the way does not matter: the ledger has all that counts.
    """
    with _on_server(settings.prefect_api_url), invoking(settings, caller) as invocation:
        try:
            state = cast("State[Any]", flow(**parameters, return_state=True))
            if not invocation.ended and invocation.error is None:
                # It never came to its work: its parameters were refused, say.
                state.result(raise_on_failure=True)
        except Exception:
            # Else the work is done, and only Prefect could not write that down.
            if invocation.fault or not invocation.ended:
                raise
    # Prefect keeps what nobody foresaw to itself, in the state of the flow run.
    ended = invocation.error or invocation.fault
    if ended is not None:
        raise ended


@contextmanager
def _on_server(url: str | None) -> Iterator[None]:
    if url is None:
        with temporary_settings(dict(_HERE)):
            yield
        return
    EventsWorker.set_client_override(
        PrefectEventsClient, api_url=url, reconnection_attempts=_KNOCKS
    )
    try:
        with temporary_settings({**_HERE, PREFECT_API_URL: url}):
            yield
    finally:
        EventsWorker.set_client_override(None)
