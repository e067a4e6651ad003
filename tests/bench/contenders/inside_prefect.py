"""The same phase inside Prefect: as a flow in a process of its own, against a server that stands.

It is raced against pgtide without Prefect, once under its name and once as a twin: by what the two
differ, the machine differs from itself. The control posts an artifact for each batch, and waits.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from tests.bench.contender import Contender
from tests.bench.contenders import TWO_WORKERS
from tests.bench.contenders.pgtide_workers import ready
from tests.bench.flow_worker import AWAITED
from tests.bench.worker import Hands

TWIN: Final = replace(TWO_WORKERS, name=f"{TWO_WORKERS.name}, once more")
INSIDE: Final = f"{TWO_WORKERS.name}, inside Prefect"
CONTROL: Final = f"{INSIDE}, an artifact awaited for each batch"


def contenders(api_url: str) -> tuple[Contender, ...]:
    """Return all that take part, against a server at an address."""
    program = ("tests.bench.flow_worker", api_url)
    hands = Hands(workers=2)
    return (
        TWO_WORKERS,
        Contender(name=INSIDE, ready=partial(ready, hands, program)),
        TWIN,
        Contender(name=CONTROL, ready=partial(ready, hands, (*program, AWAITED))),
    )
