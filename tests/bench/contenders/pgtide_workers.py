"""pgtide: its phase as it is, from the first slice to the last sweep, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from pgtide.model.state import Phase
from tests.bench.bench_table import BenchTable
from tests.bench.contender import Contender, Filling
from tests.bench.walked import Walked
from tests.bench.worker import GO, READY, Hands, declared
from tests.driving import migrate

WORKER: Final = ("tests.bench.worker",)


@contextmanager
def ready(hands: Hands, program: Sequence[str], url: str, table: BenchTable) -> Iterator[Filling]:
    """Expand, and let the process come to where nothing is left to load."""
    migrate(url, declared(table, hands), until=Phase.EXPAND)
    with subprocess.Popen(
        [sys.executable, "-m", program[0], url, table.name, *hands.arguments, *program[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Prefect's log is for its server, as it is for `pgtide up`.
        env={**os.environ, "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"},
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == READY
        # The end of its input lets it go, whatever happens here.
        yield partial(_fill, process)


def _fill(process: subprocess.Popen[str]) -> Walked:
    assert process.stdin
    assert process.stdout
    process.stdin.write(GO)
    process.stdin.flush()
    said = process.stdout.readline()
    assert said, "the process has failed; it said why above"
    return Walked(**json.loads(said))


def _contender(hands: Hands) -> Contender:
    return Contender(name=str(hands), ready=partial(ready, hands, WORKER))


ONE_WORKER: Final = _contender(Hands(workers=1))
TWO_WORKERS: Final = _contender(Hands(workers=2))
BY_ITSELF: Final = _contender(Hands(workers="auto"))
FOR_TIME: Final = _contender(Hands(workers=2, favour="time"))
