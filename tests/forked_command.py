"""The `pgtide` command in a process that is forked from one that has its imports behind it."""

import atexit
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.main import app
from tests.forking import FORKING, ONE_AT_A_TIME, know_prefect_anew, live_in
from tests.no_prefect import block, forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is typed, where, and in which environment: nothing else of the caller's is there."""

    args: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    prefect: bool = True


def forked(asked: Asked, *, patience: float) -> subprocess.CompletedProcess[str]:
    """Run it to its end; raises TimeoutExpired."""
    with (
        tempfile.NamedTemporaryFile("r", encoding="utf-8") as said,
        tempfile.NamedTemporaryFile("r", encoding="utf-8") as complained,
    ):
        process = FORKING.Process(target=_type, args=(asked, said.name, complained.name))
        with ONE_AT_A_TIME:
            process.start()
        process.join(patience)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(asked.args, patience, said.read(), complained.read())
        return subprocess.CompletedProcess(
            asked.args, process.exitcode, said.read(), complained.read()
        )


def _type(asked: Asked, said: str, complained: str) -> None:
    """Be the command, in the new process."""
    # Nobody else has reason to import Prefect, which it does.
    from tests.preloaded import COMMAND_ALONE

    for number, path in enumerate((os.devnull, said, complained)):
        _become(number, path)
    os.chdir(asked.folder)
    live_in(asked.environment)
    if asked.prefect:
        know_prefect_anew()
    else:
        assert COMMAND_ALONE, "the command imports Prefect before it is asked for it"
        forget()
        block()
    sys.argv = ["pgtide", *asked.args]
    try:
        app()
    finally:
        # What a process that was not forked does at its end.
        atexit._run_exitfuncs()


def _become(number: int, path: str) -> None:
    opened = os.open(path, os.O_WRONLY if number else os.O_RDONLY)
    os.dup2(opened, number)
    os.close(opened)
