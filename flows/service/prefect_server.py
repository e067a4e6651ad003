"""The Prefect server that stands: its database on PostgreSQL, and the services that people need.

Against the one for a single run it also

* makes the runs that a schedule asks for, and marks those that nobody fetched (scheduler, late
  runs): without them nothing ever happens by itself;
* ends what was cancelled and has no process left, and fails a pause whose time is over
  (cancellation clean-up, pause expirations): else both stay as they are for ever;
* knows which workers live, and carries out automations (foreman, triggers): a person can add
  either in the UI, and would not see that nothing comes of it;
* keeps the leases of concurrency limits in files: in memory, as is Prefect's default, a restart of
  the server would end healthy runs five minutes later.

Events are forgotten after a week; flow runs, a few hundred rows for each migration, never.
"""

import errno
import socket
import subprocess
from types import MappingProxyType
from typing import Final

from flows.local_server import LOG, answers, end, spawn
from flows.service.place import Place
from pgtide.errors import Failed, Refused
from pgtide.postgres.embedded.port import LOOPBACK

# What is told to whoever finds the port taken.
_ANOTHER: Final = 4300
_STANDING: Final = MappingProxyType(
    {
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        # Where it shares the target's server it is no application that a backfill makes way for.
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_APPLICATION_NAME": "pgtide prefect",
    }
)


def refuse_port(port: int) -> None:
    """Raise Refused where the port cannot be had."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server does: connections of the last one that are not quite over are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is taken by another program" if taken else f"cannot be used: {error.strerror}"
            raise Refused(
                f"Port {port} of this machine {why}.",
                state="Nothing was started.",
                remedy=f"Choose another port: PORT={_ANOTHER}, say.",
            ) from None


def start_server(place: Place, port: int, database: str) -> subprocess.Popen[bytes]:
    """Start the server's process, which ends with ours; `await_server` waits for it."""
    settings = {**_STANDING, "PREFECT_API_DATABASE_CONNECTION_URL": database}
    return spawn(place.server, port, owned=True, settings=settings)


def await_server(process: subprocess.Popen[bytes], place: Place, port: int) -> None:
    """Wait until the server answers; raises Failed where it ends instead."""
    if not answers(process, port):
        end(process)
        raise Failed(
            "The Prefect server did not start.",
            state="Nothing is served; data are as they were.",
            remedy=f"Its messages are in {place.server / LOG}.",
        )
