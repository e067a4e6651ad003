"""A service that goes on without the command that started it: started, found, and stopped."""

import json
import subprocess
import sys
import time
from typing import Any, Final

from cli.console import note
from flows.service.owner import running, stop
from flows.service.place import Place
from flows.service.record import Served, read_served
from flows.service.shelf import mark_of_folder
from pgtide.errors import Failed, PgtideError
from pgtide.settings import Settings, inherited

_PROGRAM: Final = "from cli.main import app; app(prog_name='pgtide')"
_POLL: Final = 0.1
# How long a service may take to be up, or to notice that a file has changed.
_NOTICE_SECONDS: Final = 300.0


def detached(settings: Settings, *, rows: int) -> tuple[str, Served]:
    """Return where the service of a home is and what it serves, started if need be.

    Raises what its start raised.
    """
    place = Place(settings.home)
    if (record := running(place)) is not None:
        note(f"It runs already, as process {record.owner.pid}.")
        found = _up_to_date(place, settings)
        if found is not None:
            return record.url, found
    note("Starting PostgreSQL, Prefect and what runs flows; it takes about twenty seconds ...")
    return _started(place, settings, rows=rows)


def stopped(settings: Settings) -> bool:
    """End the service of a home; False where there was none."""
    place = Place(settings.home)
    if running(place):
        note("Stopping; flow runs that are at work end at their next checkpoint ...")
    return stop(place)


def _started(place: Place, settings: Settings, *, rows: int) -> tuple[str, Served]:
    place.make()
    # The database's address goes where other users of the machine cannot read it.
    known = {"DATABASE_URL": settings.database_url} if settings.database_url else {}
    command = [sys.executable, "-P", "-c", _PROGRAM, "--migrations", str(settings.migrations_dir)]
    with place.answer.open("wb") as answer, place.log.open("ab") as log:
        process = subprocess.Popen(
            [*command, "serve", "--json", "--rows", str(rows)],
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=log,
            env=inherited(**known),
            start_new_session=True,
        )
    while (said := _answer(place)) is None:
        if process.poll() is not None and _answer(place) is None:
            raise Failed(
                f"The service ended with exit code {process.returncode} and said nothing.",
                state="Nothing is served; data are as they were.",
                remedy=f"See {place.log}.",
            )
        time.sleep(_POLL)
    if "error" in said:
        raise _again(said["error"], process.wait())
    served = read_served(place.served)
    assert served is not None  # noqa: S101  # for the type checker: it was written before the answer
    return str(said["url"]), served


def _answer(place: Place) -> dict[str, Any] | None:
    """Return what the service has said, once it has said all of it."""
    try:
        said: dict[str, Any] = json.loads(place.answer.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return said


def _again(said: dict[str, str], exit_code: int) -> PgtideError:
    error = PgtideError(said["message"], state=said["state"], remedy=said["remedy"])
    error.code, error.exit_code = said["code"], exit_code  # type: ignore[misc]  # this one's own
    return error


def _up_to_date(place: Place, settings: Settings) -> Served | None:
    """Return what is on offer, once it is what the folder holds now; None where it ends instead."""
    wanted = mark_of_folder(settings.migrations_dir)
    deadline = time.monotonic() + _NOTICE_SECONDS
    while (record := running(place)) is not None:
        served = read_served(place.served)
        # Else it is what an earlier runner has left.
        live = served is not None and any(one.pid == served.runner for one in record.parts)
        if served is not None and live and served.seen == wanted:
            return served
        if time.monotonic() > deadline:
            raise Failed(
                f"The service that runs does not serve {settings.migrations_dir} as it is now.",
                state="It goes on with what it serves.",
                remedy=f"See {place.log}; `pgtide serve --stop` ends it.",
            )
        time.sleep(_POLL)
    return None
