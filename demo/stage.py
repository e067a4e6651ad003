"""The stage: a PostgreSQL server and a Prefect server, and what everybody on it needs to know."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import migrations
from demo import control
from demo.commands import Commands
from demo.database import SERVER_SETTINGS
from demo.disk import Disk
from demo.kept import PREFECT, SERVER, remember, stop_kept
from demo.narrator import Narrator
from demo.roll import Roll
from flows.local_server import LocalServer, local_server, start_local_server
from pgtide.postgres.embedded import (
    Server,
    ServerOptions,
    start_persistent,
    temporary_server,
    tool,
)
from pgtide.settings import Settings

_FOLDER: Final = Path(migrations.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the demo plays."""

    place: Path
    rows: int
    url: str
    # Of the control's database, on the same server.
    control_url: str
    # The Prefect server, where it is left running.
    prefect: LocalServer | None
    # All that a child is told: nothing of the caller's environment, and no secret in its arguments.
    environment: dict[str, str]
    pg_dump: Path
    psql: Path
    narrator: Narrator
    commands: Commands
    disk: Disk
    roll: Roll


@contextmanager
def set_up(
    place: Path, settings: Settings, narrator: Narrator, *, keep: bool, rows: int
) -> Iterator[Stage]:
    """Start both servers; they end with the block, unless it succeeds and they are to be kept."""
    options = ServerOptions(bin_dir=settings.postgres_bin, settings=SERVER_SETTINGS)
    roll = Roll()
    with ExitStack() as stack:
        if keep:
            # Registered first: a start that is interrupted leaves nothing either.
            stack.callback(stop_kept, place)
            server = start_persistent(place / SERVER, options)
            prefect = start_local_server(place / PREFECT)
            remember(place, prefect.pid)
        else:
            server = stack.enter_context(temporary_server(options, directory=place))
            prefect = stack.enter_context(local_server(place / PREFECT))
        roll.note("PostgreSQL", server.pid)
        roll.note("Prefect server", prefect.pid)
        environment = _environment(place, server, prefect.api_url)
        with Disk((place, server.data_dir)) as disk:
            yield Stage(
                place=place,
                rows=rows,
                url=server.url,
                control_url=server.database_url(control.NAME),
                prefect=prefect if keep else None,
                environment=environment,
                pg_dump=tool("pg_dump", options),
                psql=tool("psql", options),
                narrator=narrator,
                commands=Commands(
                    environment=environment, narrator=narrator, place=place, roll=roll
                ),
                disk=disk,
                roll=roll,
            )
        if keep:
            stack.pop_all()


def _environment(place: Path, server: Server, api_url: str) -> dict[str, str]:
    home = place / "worker"
    home.mkdir(exist_ok=True)
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(home),
        "PREFECT_HOME": str(home),
        "DO_NOT_TRACK": "1",
        "DATABASE_URL": server.url,
        "PREFECT_API_URL": api_url,
        "PGTIDE_MIGRATIONS": str(_FOLDER),
        "PGTIDE_HOME": str(place),
        "PGTIDE_ACTOR": "demo",
        # So that the figures of two machines can be compared.
        "PGTIDE_WORKERS": "2",
    }
