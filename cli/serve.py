"""`pgtide serve`: Prefect with its UI, every migration's deployments, and what runs them."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.console import note, say
from cli.display.words import plural
from cli.document import show
from cli.flow import importable
from cli.options import Json, without_database
from demo.database import ROWS
from pgtide.errors import InvalidMigration
from pgtide.postgres.embedded.port import LOOPBACK
from pgtide.settings import Settings

if TYPE_CHECKING:
    from flows.service.record import Served

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DOWN: Final = "`make down`, or `pgtide serve --stop`, ends all of it; data stay"

Detach = Annotated[
    bool, typer.Option("--detach", help="Return once all of it is up, and leave it running.")
]
# Of the table that an empty embedded database gets.
Rows = Annotated[int, typer.Option(hidden=True, min=1)]
Stop = Annotated[
    bool, typer.Option("--stop", help="End what runs, and all that it has started; data stay.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    ctx: typer.Context,
    *,
    detach: Detach = False,
    stop: Stop = False,
    rows: Rows = ROWS,
    as_json: Json = False,
) -> None:
    """Serve Prefect's UI on this machine, and run what is started there; Ctrl-C ends it."""
    if detach and stop:
        raise typer.BadParameter("does not go with --detach", param_hint="--stop")
    settings = without_database(ctx)
    with importable():
        from cli.detached import detached, stopped
    if stop:
        ended = stopped(settings)
        if as_json:
            show({"stopped": ended})
        else:
            say("All of it is stopped; data stay." if ended else "Nothing ran.")
    elif detach:
        url, served = detached(settings, rows=rows)
        if served.errors:
            ctx.meta["pgtide.document"] = _document(url, served)
        if not (served.errors and as_json):
            _show(url, served, as_json=as_json, ends=_DOWN)
        if served.errors:
            raise _broken(url, served)
    else:
        _here(settings, rows=rows, as_json=as_json)


def _here(settings: Settings, *, rows: int, as_json: bool) -> None:
    from demo.furnish import furnish
    from flows.service.owner import owned
    from flows.service.place import Place
    from flows.service.service import Service, refuse_early
    from flows.service.storage import embedded, open_storage

    place, url = Place(settings.home), f"http://{LOOPBACK}:{settings.port}"
    with _ending(), owned(place, os.getpid(), url, postgres=embedded(settings)) as record:
        refuse_early(settings)
        note("Starting PostgreSQL, Prefect and what runs flows; it takes about twenty seconds ...")
        storage = open_storage(place, settings, partial(furnish, tell=note, rows=rows))
        with Service(place, storage, record, settings) as service:
            _show(url, service.served, as_json=as_json, ends="Ctrl-C ends all of it; data stay")
            for error in service.served.errors:
                note(error)
            with suppress(KeyboardInterrupt):
                service.watch(note)
            note("Stopping; flow runs that are at work end at their next checkpoint ...")


@contextmanager
def _ending() -> Iterator[None]:
    """Let the first signal that asks for an end interrupt the block, and ignore more of them."""

    def hear(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in _SIGNALS:
        signal.signal(number, hear)
    yield


def _show(url: str, served: "Served", *, as_json: bool, ends: str) -> None:
    if as_json:
        show(_document(url, served))
        sys.stdout.flush()
        return
    count = plural(len(served.migrations), "migration")
    say(
        f"Prefect is at {url}, with the deployments of {count}.",
        f"To start one: open {url}/v2/deployments, choose `migrate` of a migration, then Run;",
        f"`pgtide status` shows how it goes. {ends}.",
    )


def _document(url: str, served: "Served") -> dict[str, object]:
    return {"url": url, "migrations": served.migrations, "errors": served.errors}


def _broken(url: str, served: "Served") -> InvalidMigration:
    others = plural(len(served.migrations), "other migration")
    return InvalidMigration(
        " ".join(served.errors),
        state=f"{others} {'is' if len(served.migrations) == 1 else 'are'} served at {url}.",
        remedy="What is served follows the files: a mended one needs no new start.",
    )
