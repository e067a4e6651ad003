"""What Prefect costs."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.delivery import deliver
from flows.local_server import local_server
from tests.bench import orchestration, orchestration_gates
from tests.bench.screen import show_orchestration
from tests.bench.stage import Stage
from tests.memory import memory
from tests.prefect_server import PrefectApi

# Of a backfill of four seconds a run's begin and end in Prefect are a twentieth by themselves.
_TIMES: Final = 3


def compare(stage: Stage) -> bool:
    """Measure, show and write down."""
    order = stage.order
    _quiet()
    with (
        TemporaryDirectory(prefix="pgtide-bench-prefect-", dir=memory()) as folder,
        local_server(Path(folder)) as server,
        # Whatever of Prefect's asks later than a flow's end asks there too.
        temporary_settings({PREFECT_API_URL: server.api_url}),
    ):
        measured = orchestration.measure(
            stage.data,
            PrefectApi(server.api_url),
            rows=_TIMES * order.rows,
            rounds=order.rounds,
            say=stage.say,
        )
        deliver()
    gates = orchestration_gates.gates(measured)
    show_orchestration(stage.console, measured)
    stage.write_run("orchestration", gates, orchestration=measured.document())
    return stage.judge("claims", gates)


def _quiet() -> None:
    """Keep Prefect's log off this screen: its server has it."""
    for name in list(logging.root.manager.loggerDict):
        for handler in logging.getLogger(name).handlers:
            if name.startswith("prefect") and isinstance(handler, logging.StreamHandler):
                handler.setLevel(logging.CRITICAL)
