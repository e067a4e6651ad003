"""A server as its users see it: an address, and the two switches that crash tests need."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from pgtide.postgres.embedded.cluster import SUPERUSER
from pgtide.postgres.embedded.options import StopMode
from pgtide.postgres.embedded.port import LOOPBACK


class Server:
    """Hold a running server's address; stop it and start it again on the same port and data."""

    def __init__(
        self,
        *,
        port: int,
        data_dir: Path,
        password: str,
        pid: int,
        start: Callable[[int], int],
        stop: Callable[[StopMode], None],
    ) -> None:
        self.port = port
        self.data_dir = data_dir
        self.pid = pid
        self._password = password
        self._start = start
        self._stop = stop

    def __repr__(self) -> str:
        return f"Server(port={self.port}, pid={self.pid}, data_dir={str(self.data_dir)!r})"

    @property
    def url(self) -> str:
        """Return the superuser's address of the database `postgres`; it holds the password."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """Return the superuser's address of a database of this server; it need not exist yet."""
        secret = quote(self._password, safe="")
        return f"postgresql://{SUPERUSER}:{secret}@{LOOPBACK}:{self.port}/{quote(name, safe='')}"

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server and wait until it is gone; `immediate` is a crash, data stay."""
        self._stop(mode)

    def start(self) -> None:
        """Start the stopped server on its port and data; after a crash it recovers first."""
        self.pid = self._start(self.port)
