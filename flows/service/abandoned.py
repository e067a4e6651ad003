"""Flow runs whose process is gone: put back, so that a runner takes them up again.

Prefect marks a run as crashed where the process alone dies. Where the runner dies with it, the run
passes for pending, at work, or about to be cancelled, for ever.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from prefect import State
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import AwaitingRetry, Cancelled, Crashed

from flows.service.neighbours import Neighbours, migration_of
from pgtide.ledger.presence import lives
from pgtide.postgres.session import Session
from pgtide.settings import Settings

# From the state to a process's first sign of life it takes seconds. Where an image takes longer to
# be pulled there may be two processes: the ledger lets one of them work.
AGE: Final = timedelta(minutes=2)
# Whatever kills a run so often will do it again.
_TRIES: Final = 10
_LOST: Final = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
_WHY: Final = "Its process is gone: nothing was heard of it"


def put_back(
    beside: Neighbours, session: Session, settings: Settings, *, age: timedelta = AGE
) -> Iterator[str]:
    """Give a state to each run whose process is gone; say what it was given."""
    for one in beside.runs(_LOST):
        since = one.state.timestamp if one.state else None
        if since is None or datetime.now(UTC) - since < age:
            continue
        if lives(session, str(one.id), settings.lease):
            continue
        given = _given(one)
        beside.client.set_flow_run_state(one.id, given, force=True)
        yield f"{one.name} was {one.state_name} without a process, and is {given.name} now"


def _given(one: FlowRun) -> State[None]:
    if one.state_type is StateType.CANCELLING:
        return Cancelled(message=f"{_WHY} since it was asked to stop.")
    if migration_of(one) is None:
        # It comes again by itself.
        return Crashed(message=f"{_WHY}.")
    if one.run_count >= _TRIES:
        return Crashed(message=f"{_WHY}, for the {one.run_count}th time: it is not begun again.")
    return AwaitingRetry(message=f"{_WHY}; it goes on from the last checkpoint.")
