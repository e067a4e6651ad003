"""A flow in a process of its own, that is killed or told to end."""

import atexit
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.forking import FORKING, ONE_AT_A_TIME, know_prefect_anew, live_in
from tests.prefect_server import PrefectApi


@dataclass(frozen=True, slots=True)
class Child:
    """The process."""

    process: BaseProcess

    def wait(self, seconds: float) -> int:
        """Wait for its end; return its exit code, as subprocess has it."""
        with ONE_AT_A_TIME:
            self.process.join(seconds)
        assert self.process.exitcode is not None, "it does not end"
        return self.process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)


@contextmanager
def child(
    api: PrefectApi, url: str, *arguments: str, backups: Path | None = None
) -> Iterator[Child]:
    """Run `flow_child.py` in a process of its own, which does not outlive the block.

    With a directory for backups it begins with one.
    """
    wanted = {"PGTIDE_BACKUPS": str(backups)} if backups else {"PGTIDE_BACKUP_FIRST": "0"}
    environment = {**os.environ, "DATABASE_URL": url, "PREFECT_API_URL": api.url, **wanted}
    process = FORKING.Process(target=_work, args=(environment, arguments))
    with ONE_AT_A_TIME:
        process.start()
    try:
        yield Child(process)
    finally:
        with ONE_AT_A_TIME:
            process.kill()
            process.join()


def _work(environment: Mapping[str, str], arguments: Sequence[str]) -> None:
    # Nobody else has reason to import the flows, which it does.
    from tests.acceptance.flow_child import main

    live_in(environment)
    know_prefect_anew()
    try:
        main(*arguments)
    finally:
        # What a process that was not forked does at its end.
        atexit._run_exitfuncs()
