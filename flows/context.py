"""Who runs a flow, and with which settings: handed in by the process that calls it.

A flow's parameters are shown and stored by Prefect, so neither the database's address nor a
listener can be one. A command that calls a flow in its own process sets them here; a worker's
process has nothing set and reads its environment.
"""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any, Final

from prefect.runtime import flow_run

from pgtide.errors import PgtideError
from pgtide.ledger.run import Caller
from pgtide.settings import Settings, load

Handler = Callable[[int, FrameType | None], Any] | int


@dataclass(slots=True, kw_only=True)
class Invocation:
    """Settings and caller of one flow run, and how its work ended.

    An error is for people and has its exit code; a fault is a mistake in pgtide.
    """

    settings: Settings
    caller: Caller
    # The caller is in this process and learns of the error from here, not from Prefect.
    at_hand: bool
    # The caller's own handlers of the signals that ask for a stop.
    handlers: Mapping[int, Handler] = field(default_factory=dict)
    ended: bool = False
    error: PgtideError | None = None
    fault: Exception | None = None


# What Python itself puts in place is nobody's wish.
_DEFAULTS: Final = (None, signal.SIG_DFL, signal.default_int_handler)
_CURRENT: Final[ContextVar[Invocation | None]] = ContextVar("pgtide_invocation", default=None)


@contextmanager
def invoking(settings: Settings, caller: Caller) -> Iterator[Invocation]:
    """Hand settings and caller to the flow that is called inside the block."""
    invocation = Invocation(
        settings=settings, caller=caller, at_hand=True, handlers=_own_handlers()
    )
    token = _CURRENT.set(invocation)
    try:
        yield invocation
    finally:
        _CURRENT.reset(token)


def present() -> Invocation:
    """Return what the caller handed in, or what this process's environment says.

    The caller gets the flow run's id; raises InvalidSettings.
    """
    invocation = _CURRENT.get()
    if invocation is None:
        settings = load()
        invocation = Invocation(
            settings=settings, caller=Caller(actor=settings.actor), at_hand=False
        )
    invocation.caller = replace(invocation.caller, flow_run_id=flow_run.id)
    return invocation


def _own_handlers() -> dict[int, Handler]:
    found = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    return {
        number: handler
        for number, handler in found.items()
        if handler is not None and handler not in _DEFAULTS
    }
