"""What people want of a flow run that is at work: its state on the server, looked at each second.

And the other way round: the same thread keeps the lock that says that this process lives.

The batch loop hears of nothing that happens on the server: Prefect acts on a pause at the next
task, and on a cancellation by a signal from whoever started the process, if anybody did.
"""

import contextvars
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from prefect import State
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from flows.context import Invocation
from pgtide.ledger.presence import Presence

_PAUSE: Final = 1.0
# Whoever has sent a signal does not wait for long.
_ONCE: Final[Mapping[Any, object]] = MappingProxyType(
    {PREFECT_API_REQUEST_TIMEOUT: 5.0, PREFECT_CLIENT_MAX_RETRIES: 0}
)
# What ends the work: a pause, a cancellation, or the run put back so that it begins again. A run
# that only passes for failed or crashed is at work, whatever the server says.
_STOPS: Final = frozenset(
    {
        StateType.PAUSED,
        StateType.CANCELLING,
        StateType.CANCELLED,
        StateType.SCHEDULED,
        StateType.PENDING,
    }
)


class Watch:
    """Look at a flow run's state until it asks for a stop, which is then passed on."""

    def __init__(self, flow_run_id: str, stop: threading.Event, presence: Presence) -> None:
        self.seen: State | None = None
        self._id = UUID(flow_run_id)
        self._stopped = FlowRunFilter(
            id=FlowRunFilterId(any_=[self._id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_STOPS))),
        )
        self._stop = stop
        self._presence = presence
        self.over = threading.Event()

    def run(self) -> None:
        """Look once a second; a server that is away wants nothing."""
        try:
            self._look()
            # Whoever is told to stop is there until it has.
            self.over.wait()
        finally:
            self._presence.end()

    def at_last(self) -> State | None:
        """Return the state that asked for the stop; looks once more for a signal's reason."""
        if self.seen is None:
            with (
                suppress(Exception),
                temporary_settings(dict(_ONCE)),
                get_client(sync_client=True) as client,
            ):
                self.seen = self._reason(client)
        return self.seen

    def _asked(self, client: SyncPrefectClient) -> State | None:
        """Return the state that asks for a stop, if there is one."""
        # Every second of every run: to count costs the server less than to read.
        asked = client.count_flow_runs(flow_run_filter=self._stopped)
        return self._reason(client) if asked else None

    def _reason(self, client: SyncPrefectClient) -> State | None:
        state = client.read_flow_run(self._id).state
        return state if state is not None and state.type in _STOPS else None

    def _look(self) -> None:
        with get_client(sync_client=True) as client:
            self._presence.keep()
            while not self.over.wait(_PAUSE):
                self._presence.keep()
                try:
                    state = self._asked(client)
                except Exception:  # noqa: BLE001, S112  # whatever ails the server, the run goes on
                    continue
                if state is not None and not self.over.is_set():
                    self.seen = state
                    self._stop.set()
                    return


@contextmanager
def watching(invocation: Invocation) -> Iterator[Watch | None]:
    """Stop the work of a flow run inside the block as soon as its state on the server asks for it.

    Yields None outside of a flow run.
    """
    flow_run_id = invocation.caller.flow_run_id
    if flow_run_id is None:
        yield None
        return
    presence = Presence(invocation.settings, flow_run_id)
    watch = Watch(flow_run_id, invocation.caller.stop, presence)
    # The context knows which server that is.
    context = contextvars.copy_context()
    thread = threading.Thread(
        target=context.run, args=(watch.run,), name="flow run watch", daemon=True
    )
    thread.start()
    try:
        yield watch
    finally:
        # Not waited for: it may hang on a server that does not answer.
        watch.over.set()
