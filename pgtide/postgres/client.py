"""pg_dump and pg_restore as children: heard until they end, ended when they shall, told no secret.

The password is in a passfile of the child's own, never among its arguments.
"""

import os
import re
import secrets
import select
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final

from psycopg.conninfo import make_conninfo

from pgtide.errors import Failed, Interrupted, LockNotAcquired
from pgtide.model.table import TableName
from pgtide.postgres.ddl import relation
from pgtide.postgres.programs import Programs
from pgtide.postgres.session import Login
from pgtide.postgres.session_settings import milliseconds
from pgtide.settings import for_client_program

_CHUNK: Final = 1 << 20
_LOOK_EVERY: Final = 0.2
_SHOWN_LINES: Final = 3
# What a libpq of the oldest server knows too; no secret is among them, and no other passfile.
_PASSED_ON: Final = frozenset(
    {
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "options",
        "connect_timeout",
        "channel_binding",
        "target_session_attrs",
        "sslmode",
        "sslcert",
        "sslkey",
        "sslrootcert",
        "sslcrl",
        "sslcrldir",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "gssencmode",
        "krbsrvname",
        "requirepeer",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
    }
)
# What COPY could not read is a value of a row.
_VALUE: Final = re.compile(r": \".*\"")
# pg_dump limits its waits for locks by a statement_timeout.
_TIMED_OUT: Final = "statement timeout"
_LOCKING: Final = "LOCK TABLE"
_COMPLAINT: Final = re.compile(r"^pg_\w+: (?:error|detail): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Client programs, the name that the server shows for them, and what ends them early.

    A passfile is in `folder` for as long as a program runs.
    """

    programs: Programs
    application: str
    folder: Path
    stop: threading.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What every dump of one backup has in common."""

    snapshot: str
    compression: int
    lock_wait: timedelta


def dump_schema(client: Client, login: Login, dump: Dump, take: Callable[[bytes], None]) -> None:
    """Dump all definitions that data need: types, functions, tables; no indexes, no triggers."""
    _dump(client, login, dump, ["--schema-only", "--section=pre-data"], take=take)


def dump_data(
    client: Client,
    login: Login,
    dump: Dump,
    leaves: Sequence[TableName],
    *,
    take: Callable[[bytes], None],
) -> None:
    """Dump the rows of a table: those of each of its leaves."""
    words = ["--data-only", "--strict-names", *(f"--table={relation(one)}" for one in leaves)]
    _dump(client, login, dump, words, take=take)


def restore(client: Client, login: Login, file: Path) -> None:
    """Restore a dump in one transaction, as objects of the role that is logged in."""
    words = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    with _reachable(client, login) as (words_of_login, environment):
        command = [client.programs.pg_restore, *words, "--no-comments", words_of_login, str(file)]
        _run(command, environment, client, take=lambda _: None)


def _dump(
    client: Client,
    login: Login,
    dump: Dump,
    words: Sequence[str],
    *,
    take: Callable[[bytes], None],
) -> None:
    common = [
        "--format=custom",
        f"--compress={dump.compression}",
        f"--snapshot={dump.snapshot}",
        f"--lock-wait-timeout={milliseconds(dump.lock_wait).removesuffix('ms')}",
    ]
    with _reachable(client, login) as (words_of_login, environment):
        command = [client.programs.pg_dump, *common, *words, words_of_login]
        _run(command, environment, client, take=take)


@contextmanager
def _reachable(client: Client, login: Login) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the argument that names the database, and an environment that knows the password."""
    known = {name: text for name, text in login.parameters.items() if name in _PASSED_ON}
    parameters = {**known, "application_name": client.application}
    argument = f"--dbname={make_conninfo('', **parameters)}"
    if not login.password:
        yield argument, for_client_program()
        return
    with _passfile(client.folder, login.password) as path:
        yield argument, for_client_program(PGPASSFILE=str(path))


def unwritable(path: Path, error: OSError) -> Failed:
    """Return what to say of a file of a backup that the disk does not take."""
    return Failed(
        f"{path} cannot be written: {error.strerror}.",
        state="The migration is as it was; this is no backup.",
        remedy="Make room, or name another directory in PGTIDE_BACKUPS.",
    )


@contextmanager
def _passfile(folder: Path, password: str) -> Iterator[Path]:
    """Write a passfile for as long as a program needs it; raises Failed where the disk is full."""
    path = folder / f".login-{secrets.token_hex(8)}"
    text = password.replace("\\", "\\\\").replace(":", "\\:")
    try:
        try:
            # For its owner alone; libpq ignores one that others may read.
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "wb", buffering=0) as file:
                file.write(f"*:*:*:*:{text}\n".encode())
        except OSError as error:
            raise unwritable(path, error) from error
        yield path
    finally:
        path.unlink(missing_ok=True)


def _run(
    command: Sequence[str],
    environment: dict[str, str],
    client: Client,
    *,
    take: Callable[[bytes], None],
) -> None:
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
            # A Ctrl-C at the terminal is ours to hear: we end it.
            process_group=0,
        ) as process,
    ):
        try:
            _listen(process, client.stop, take)
        except BaseException:
            process.kill()
            raise
        code = process.wait()
        if code:
            raise _failed(Path(command[0]).name, code, complaints)


def _listen(
    process: subprocess.Popen[bytes], stop: threading.Event, take: Callable[[bytes], None]
) -> None:
    output = process.stdout
    if output is None:
        return
    while True:
        refuse_stopped(stop)
        ready, _, _ = select.select([output], [], [], _LOOK_EVERY)
        if ready:
            chunk = os.read(output.fileno(), _CHUNK)
            if not chunk:
                return
            take(chunk)


def refuse_stopped(stop: threading.Event) -> None:
    """Raise Interrupted where a person asked to stop."""
    if stop.is_set():
        raise Interrupted(
            "It was interrupted.",
            state="The migration is as it was; what was half written does not count as a backup.",
            remedy="Run the command again.",
        )


def _failed(program: str, code: int, complaints: BinaryIO) -> Failed:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").splitlines()
    # DETAIL, CONTEXT and the like may hold values of rows.
    told = [_COMPLAINT.sub("", line) for line in lines if _COMPLAINT.match(line)]
    reason = "; ".join(_VALUE.sub(": (the value is withheld)", one) for one in told[:_SHOWN_LINES])
    if _TIMED_OUT in reason and _LOCKING in reason:
        return LockNotAcquired(
            f"{program} had to wait too long for the right to read: somebody alters a table of "
            "this database, or holds it locked.",
            state="The migration is as it was; this is no backup.",
            remedy="Run the command again when that is over, or raise PGTIDE_BACKUPS_LOCK_WAIT_MS.",
        )
    end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed (exit {code})"
    return Failed(
        f"{program} {end}{': ' if reason else ''}{reason}.",
        state="The migration is as it was; this is no backup.",
        remedy="Mend the cause, then run the command again.",
    )
