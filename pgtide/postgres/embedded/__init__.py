"""A real PostgreSQL server on a machine that has nothing but Python: a package's binaries, run.

`temporary_server` belongs to the process that opened it and leaves nothing behind, however that
process ends. `start_persistent` belongs to nobody and runs until `stop_persistent`.
"""

from pgtide.postgres.embedded.binaries import tool
from pgtide.postgres.embedded.options import ServerOptions, StopMode
from pgtide.postgres.embedded.persistent import persistent_url, start_persistent, stop_persistent
from pgtide.postgres.embedded.server import Server
from pgtide.postgres.embedded.temporary import temporary_server

__all__ = [
    "Server",
    "ServerOptions",
    "StopMode",
    "persistent_url",
    "start_persistent",
    "stop_persistent",
    "temporary_server",
    "tool",
]
