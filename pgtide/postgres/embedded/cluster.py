"""One server's programs, data and settings, and the commands that make and run it."""

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pgtide.errors import Failed
from pgtide.postgres.embedded.account import Account, give
from pgtide.postgres.embedded.binaries import Binaries
from pgtide.postgres.embedded.port import LOOPBACK
from pgtide.postgres.embedded.supervisor import Supervisor

SUPERUSER = "postgres"
# Its own C.UTF-8 is the same on every machine and in every version of the system's C library.
_BUILTIN_LOCALES = 17
_LOG_TAIL = 5  # lines
# The port of another; the last processes of a server that was killed with SIGKILL.
_PASSES = re.compile("Address already in use|shared memory block .* is still in use")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Know all that is needed to make a server's data and to start it on a port."""

    binaries: Binaries
    account: Account | None
    data: Path
    log: Path
    settings: Mapping[str, str]

    def initialize(self, supervisor: Supervisor, *, password: str, durable: bool) -> None:
        """Make the data directory; without `durable` it is not flushed to disk, which is faster.

        The password goes through a file that only the server's user can read, never through argv.
        Raises Failed with the end of the log.
        """
        self.data.mkdir(mode=0o700)
        give(self.data, self.account)
        file = self.data.with_name("initdb-password")
        file.unlink(missing_ok=True)
        _write_secret(file, password, self.account)
        try:
            command = [*self._initdb(file), *([] if durable else ["--no-sync"])]
            exit_code = supervisor.run(command, log=self.log)
        finally:
            file.unlink()
        if exit_code != 0:
            raise self._failed(f"initdb ended with exit code {exit_code}.", self._tail(0))

    def start(
        self,
        supervisor: Supervisor,
        ports: Iterable[int],
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> tuple[int, int]:
        """Start on the first of the ports that is free; return process id and port.

        Raises Failed with the end of the log: at once, unless the reason is one that passes.
        """
        tail = "no port was free"
        for port in ports:
            mark = self.log.stat().st_size if self.log.exists() else 0
            pid = supervisor.serve(self._postgres(port), data=self.data, log=self.log)
            if pid is not None:
                return pid, port
            tail = self._tail(mark)
            if not _PASSES.search(tail):
                break
            sleep(0.1)
        raise self._failed("The embedded database server did not start.", tail)

    def _initdb(self, password_file: Path) -> list[str]:
        command = [
            self.binaries.program("initdb"),
            *("-D", str(self.data)),
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # macOS has no C.UTF-8 of its own; there the built-in one does all the work.
            f"--locale={'C' if os.uname().sysname == 'Darwin' else 'C.UTF-8'}",
        ]
        if self.binaries.major >= _BUILTIN_LOCALES:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return command

    def _postgres(self, port: int) -> list[str]:
        fixed = {"listen_addresses": LOOPBACK, "unix_socket_directories": "", "port": str(port)}
        settings = {**self.settings, **fixed}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self.binaries.program("postgres"), "-D", str(self.data), *words]

    def _tail(self, mark: int) -> str:
        """Return the errors at the end of the log, else its last lines, from this offset on."""
        if not self.log.exists():
            return "its log is empty"
        with self.log.open("rb") as file:
            file.seek(mark)
            lines = file.read().decode(errors="replace").splitlines()
        errors = [line for line in lines if re.search(r"FATAL|PANIC|error:|could not|HINT", line)]
        return "\n".join((errors or lines)[-_LOG_TAIL:])

    def _failed(self, what: str, tail: str) -> Failed:
        return Failed(
            f"{what} Its log says:\n{tail}\n",
            state="No server is running there.",
            remedy="Remove the reason and start again, or name a database in DATABASE_URL.",
        )


def _write_secret(file: Path, secret: str, account: Account | None) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{secret}\n")
    give(file, account)
