"""A process is killed, and the next one goes on behind its last committed batch."""

import signal
from dataclasses import replace

from tests.scenarios.child import carried_out
from tests.scenarios.killed import Order
from tests.scenarios.ledger_truth import begun, disagreements, places, repeated


def killed_and_gone_on_with(order: Order, *, at: str, nth: int) -> None:
    """Kill a process at an event and let a second one end the work; no batch may be repeated."""
    killed = carried_out(replace(order, at=at, nth=nth))
    assert killed.code == -signal.SIGKILL, str(killed)
    assert disagreements(order.url) == []
    known = places(order.url)
    ended = carried_out(replace(order, run="second"))
    assert ended.code == 0, str(ended)
    assert order.witness is not None
    assert repeated(known, begun(order.witness, "second")) == []
