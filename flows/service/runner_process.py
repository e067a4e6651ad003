"""The process that runs what is asked for: it fetches flow runs, and starts a process for each.

Run as a script, on its own path, by the service, whose other end of standard input tells it whether
the service lives: whatever ends that, SIGKILL included, closes it. SIGTERM asks the flow runs to
stop at their next checkpoint, and waits for them; without the service, for a few seconds.
"""

import asyncio
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from typing import Final

import psutil
from prefect.client.orchestration import get_client
from prefect.logging import get_logger
from prefect.runner import Runner

from flows.service.place import Place
from flows.service.record import write
from flows.service.runner import DRAIN_SECONDS
from flows.service.shelf import Shelf
from flows.service.unfinished import begin_again, note_cut_off
from pgtide.settings import load

# A person who has pressed a button waits for it.
POLL_SECONDS: Final = 2.0
_NOTE_SECONDS: Final = 5.0
# A service that was killed is soon begun again, and waits for this process. Its server is dead too:
# a run that has stopped at its checkpoint would try to tell it so for half a minute. A batch that
# takes longer is undone.
_ORPHAN_SECONDS: Final = 10.0
_STEP: Final = 0.1
_LOG: Final = get_logger("pgtide")


class Ended(Enum):
    """Why nothing is fetched any more."""

    STOPPED = "stopped"
    RENEWED = "renewed"


def main() -> None:
    """Serve the folder's deployments until asked to stop."""
    threading.Thread(target=_end_with_owner, name="owner watch", daemon=True).start()
    _await_server()
    settings = load()
    place = Place(settings.home)
    # Else its folder is the same for everybody on this machine, and belongs to who came first.
    tempfile.tempdir = str(place.runner.absolute())
    runner = Runner(name="pgtide", query_seconds=POLL_SECONDS, pause_on_shutdown=False)
    shelf = Shelf(runner, settings.migrations_dir, number=os.getpid())
    served = shelf.refresh()
    with get_client(sync_client=True) as client:
        again = begin_again(client, place.cut_off, shelf.registered)
    _LOG.info("Flow runs that were cut off and begin again: %d", again)
    if served is not None:
        write(place.served, served)
    if asyncio.run(_serve(runner, shelf, place)) is Ended.RENEWED:
        # The same process, to whoever watches it.
        os.execv(sys.executable, [sys.executable, "-P", __file__])  # noqa: S606  # ourselves


def _await_server() -> None:
    """Wait until the server answers; the service, which waits too, ends us where it never does."""
    while not _answers():
        time.sleep(_STEP)


def _answers() -> bool:
    with get_client(sync_client=True) as client:
        return client.api_healthcheck() is None


async def _serve(runner: Runner, shelf: Shelf, place: Place) -> Ended:
    """Fetch runs until asked to stop, or until all has to be begun anew.

    Prefect's own loop ends after three failures, and takes the runs at work along: a server that is
    started again needs longer. But what hears of cancelled runs ends then too, so once the server
    is back and nothing is at work, this process begins anew.
    """
    asked, lost = asyncio.Event(), False
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    async with runner:
        while not asked.is_set():
            if lost and not psutil.Process().children() and await asyncio.to_thread(_answers):
                return Ended.RENEWED
            try:
                # Prefect's name for it is its own, and has no types: the version is pinned.
                await runner._get_and_submit_flow_runs()  # type: ignore[no-untyped-call]  # noqa: SLF001
                await _follow(shelf, place)
            except Exception as error:  # noqa: BLE001  # whatever ails the server or the files, runs go on
                _LOG.warning("Nothing was fetched: %s", error)
                lost = True
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), POLL_SECONDS)
        # A server that is gone already cannot be asked; its runs are found at work later.
        with suppress(Exception):
            await asyncio.wait_for(asyncio.to_thread(_note, shelf, place), _NOTE_SECONDS)
        await _drain()
    return Ended.STOPPED


async def _follow(shelf: Shelf, place: Place) -> None:
    if served := await asyncio.to_thread(shelf.refresh):
        write(place.served, served)


def _note(shelf: Shelf, place: Place) -> None:
    with get_client(sync_client=True) as client:
        note_cut_off(client, place.cut_off, shelf.registered)


async def _drain() -> None:
    """Ask each flow run to stop, and wait until all have."""
    asked: set[int] = set()
    deadline = time.monotonic() + DRAIN_SECONDS
    while (children := psutil.Process().children()) and time.monotonic() < deadline:
        _ask_to_stop(child for child in children if child.pid not in asked)
        asked.update(child.pid for child in children)
        await asyncio.sleep(_STEP)


def _ask_to_stop(children: Iterable[psutil.Process]) -> None:
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.terminate()


def _end_with_owner() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    # At once: what is at work meanwhile may wait for the server's answer.
    _ask_to_stop(psutil.Process().children())
    time.sleep(_ORPHAN_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
