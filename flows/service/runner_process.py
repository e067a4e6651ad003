"""The process that runs what is asked for: it fetches flow runs, and starts a process for each.

Run as a script, on its own path, by the service, whose other end of standard input tells it whether
the service lives: whatever ends that, SIGKILL included, closes it. SIGTERM asks the flow runs to
stop at their next checkpoint, and waits for them.
"""

import asyncio
import os
import signal
import threading
import time
from contextlib import suppress
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
_STEP: Final = 0.1


def main() -> None:
    """Serve the folder's deployments until asked to stop."""
    threading.Thread(target=_end_with_owner, name="owner watch", daemon=True).start()
    _await_server()
    settings = load()
    place = Place(settings.home)
    runner = Runner(name="pgtide", query_seconds=POLL_SECONDS, pause_on_shutdown=False)
    shelf = Shelf(runner, settings.migrations_dir, number=os.getpid())
    served = shelf.refresh()
    with get_client(sync_client=True) as client:
        again = begin_again(client, place.cut_off, shelf.registered)
    get_logger("pgtide").info("Flow runs that were cut off and begin again: %d", again)
    if served is not None:
        write(place.served, served)
    asyncio.run(_serve(runner, shelf, place))


def _await_server() -> None:
    """Wait until the server answers; the service, which waits too, ends us where it never does."""
    with get_client(sync_client=True) as client:
        while client.api_healthcheck() is not None:
            time.sleep(_STEP)


async def _serve(runner: Runner, shelf: Shelf, place: Place) -> None:
    asked = asyncio.Event()
    serving = asyncio.create_task(runner.start())
    # It tells nobody that it has.
    while not (runner.started or serving.done()):  # noqa: ASYNC110
        await asyncio.sleep(_STEP)
    # Only now: Prefect has put its own handler in place, which would mark the runs as cancelled.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    following = asyncio.create_task(_follow(shelf, place))
    stopped = asyncio.create_task(asked.wait())
    await asyncio.wait({serving, following, stopped}, return_when=asyncio.FIRST_COMPLETED)
    following.cancel()
    if asked.is_set():
        # A server that is gone already cannot be asked; its runs are found at work later.
        with suppress(Exception):
            await asyncio.wait_for(asyncio.to_thread(_note, shelf, place), _NOTE_SECONDS)
        await _drain()
    serving.cancel()
    ended = await asyncio.gather(serving, following, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception):
            raise one


async def _follow(shelf: Shelf, place: Place) -> None:
    while True:
        await asyncio.sleep(POLL_SECONDS)
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
        for child in children:
            if child.pid not in asked:
                asked.add(child.pid)
                with suppress(psutil.NoSuchProcess):
                    child.terminate()
        await asyncio.sleep(_STEP)


def _end_with_owner() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_SECONDS + 5)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
