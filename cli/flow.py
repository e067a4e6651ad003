"""The way to a migration's flow; the only part of the command that needs Prefect."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cli.display.progress import Progress, progress
from cli.signals import stopping
from pgtide.errors import Interrupted, Refused
from pgtide.ledger.run import Caller
from pgtide.model.route import FORWARD
from pgtide.model.state import Phase
from pgtide.operate.find import Candidate, find_id
from pgtide.settings import Settings, decline_tracking

if TYPE_CHECKING:
    from prefect import Flow

    from flows.loader import Loaded


def loaded(settings: Settings) -> list["Loaded"]:
    """Load every migration file in the order of ids; raises InvalidMigration, or Refused."""
    with importable():
        from flows.loader import load_migrations
    return load_migrations(settings.migrations_dir)


@contextmanager
def importable() -> Iterator[None]:
    """Import Prefect inside the block; raises Refused where it cannot be."""
    decline_tracking()
    try:
        yield
    except ImportError as error:
        raise Refused(
            f"Prefect cannot be imported here: {error}.",
            state="Nothing was changed.",
            remedy=(
                "Run the command where Prefect is installed; status, history, pause, verify and "
                "down work without it."
            ),
        ) from error


def loaded_one(folder: Sequence["Loaded"], wanted: str) -> "Loaded":
    """Return the loaded migration that is meant; raises Refused where it is none."""
    known = [Candidate(id=one.id, version=one.migration.version) for one in folder]
    migration_id = find_id(wanted, known)
    return next(one for one in folder if one.id == migration_id)


def run(
    settings: Settings,
    one: "Loaded",
    *,
    until: Phase,
    hurry: str | None = None,
    yes: bool = False,
    start_over: bool = True,
) -> None:
    """Run a migration's flow here, with progress; raises what ended it.

    `yes` begins it although the estimate is more than there is room for; without `start_over` it
    is left alone where it was undone.
    """
    asked = {"until": until.value, "hurry": hurry, "accept_excess": yes, "start_over": start_over}
    given = {"parameters": asked}
    run_any(settings, one.id, one.flow, given, shown=FORWARD[: FORWARD.index(until) + 1])


def later(settings: Settings, phase: Phase, migration_id: str, parameters: object) -> None:
    """Run the flow of a later release's phase here, with progress; raises what ended it."""
    with importable():
        from flows import later as flows_of_later

    flow: Flow[..., Any] = (
        flows_of_later.contract if phase is Phase.CONTRACT else flows_of_later.purge
    )
    given = {"migration": migration_id, "parameters": parameters}
    run_any(settings, migration_id, flow, given, shown=[phase])


def run_any(
    settings: Settings,
    migration_id: str,
    flow: "Flow[..., Any]",
    parameters: Mapping[str, object],
    *,
    shown: Sequence[str],
) -> None:
    """Run a flow here, with progress; raises what ended it."""
    from flows.run import run_any as run_here

    _quiet()
    with (
        progress(settings, migration_id, shown) as display,
        stopping(display.tell) as stop,
        _served(settings, display) as served,
    ):
        if stop.asked.is_set():
            raise _terminated(migration_id)
        caller = Caller(actor=settings.actor, emit=display.hear, stop=stop.asked, clock=stop.clock)
        try:
            run_here(flow, served, caller, parameters)
        except Exception:
            raise
        except BaseException as error:
            # Prefect's answer to a SIGTERM that came before the engine held the migration.
            raise _terminated(migration_id) from error


@contextmanager
def _served(settings: Settings, display: Progress) -> Iterator[Settings]:
    """Yield settings with a Prefect server: the one that is configured, else one for this run.

    Not the one that Prefect starts by itself: a Ctrl-C on the terminal would end that too.
    """
    from prefect.settings import get_current_settings

    from flows.delivery import deliver
    from flows.local_server import local_server

    if settings.prefect_api_url or get_current_settings().api.url:
        yield settings
        return
    display.tell("Starting a Prefect server for this run; it takes about ten seconds ...")
    with local_server(settings.home / "prefect") as server:
        try:
            # Its UI goes when it goes: nobody is sent there.
            yield replace(settings, prefect_api_url=server.api_url, ui_url=settings.ui_url or "")
        finally:
            deliver()


def _terminated(migration_id: str) -> Interrupted:
    return Interrupted(
        f"{migration_id} was interrupted.",
        state="What was committed is kept; `pgtide status` shows where it stands.",
        remedy=f"Run `pgtide up {migration_id}` to go on.",
    )


def _quiet() -> None:
    """Keep the orchestrator's log off the terminal; its server has it, and ours is the display.

    For as long as this process lives: it also speaks when the process ends.
    """
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    for logger in (logging.root, *loggers):
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setLevel(logging.CRITICAL)
