"""The stage: a PostgreSQL server and a Prefect server, and what everybody on it needs to know."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import migrations
from demo.commands import Commands
from demo.database import SERVER_SETTINGS
from demo.disk import Disk
from demo.disk_probe import DiskProbe
from demo.kept import PREFECT, SERVER, remember, stop_kept
from demo.narrator import Narrator
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
    # The Prefect server, where it is left running.
    prefect: LocalServer | None
    # All that a child is told: nothing of the caller's environment, and no secret in its arguments.
    environment: dict[str, str]
    pg_dump: Path
    psql: Path
    narrator: Narrator
    commands: Commands
    disk: Disk
    probe: DiskProbe


@contextmanager
def set_up(
    place: Path, settings: Settings, narrator: Narrator, *, keep: bool, rows: int
) -> Iterator[Stage]:
    """Start both servers; they end with the block, unless it succeeds and they are to be kept."""
    options = ServerOptions(bin_dir=settings.postgres_bin, settings=SERVER_SETTINGS)
    with ExitStack() as stack:
        if keep:
            # Registered first: a start that is interrupted leaves nothing either.
            stack.callback(stop_kept, place)
            server = start_persistent(place / SERVER, options)
            prefect = start_local_server(place / PREFECT)
            remember(place, prefect.pid)
            api_url = prefect.api_url
        else:
            prefect = None
            server = stack.enter_context(temporary_server(options, directory=place))
            api_url = stack.enter_context(local_server(place / PREFECT))
        environment = _environment(place, server, api_url)
        with DiskProbe(server.data_dir.with_name("disk-probe")) as probe:
            yield Stage(
                place=place,
                rows=rows,
                url=server.url,
                prefect=prefect,
                environment=environment,
                pg_dump=tool("pg_dump", options),
                psql=tool("psql", options),
                narrator=narrator,
                commands=Commands(environment=environment, narrator=narrator, place=place),
                disk=Disk((place, server.data_dir)),
                probe=probe,
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
    }
