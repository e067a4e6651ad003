"""A server without an owner: `pgtide postgres start`, ended by `pgtide postgres stop`.

All of it lies in one directory, its home: data, password, log, and `server.json`, which says where
it runs. Data appear whole or not at all, and a server is recorded before it is let go, so a start
that is killed at any moment leaves nothing running that the next start does not know of.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain, repeat
from pathlib import Path

from pgtide.errors import Failed, Refused
from pgtide.postgres.embedded.account import Account, can_enter, server_account
from pgtide.postgres.embedded.binaries import server_binaries
from pgtide.postgres.embedded.cluster import Cluster
from pgtide.postgres.embedded.options import DEFAULTS, ServerOptions, StopMode
from pgtide.postgres.embedded.port import free_ports
from pgtide.postgres.embedded.process import started
from pgtide.postgres.embedded.server import Server
from pgtide.postgres.embedded.supervisor import (
    SIGNALS,
    STOP_TIMEOUT,
    Supervisor,
    supervised,
)
from pgtide.postgres.embedded.trusted import temporary_parents, trusted_directory

_POLL = 0.05
# 0.1 s apart, before another port is taken: a client may hold the old one for a moment.
_SAME_PORT_TRIES = 20
# What an immediate stop may take before we give up: the server kills its own children after 5 s.
_LAST_STOP = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """Say which process is, or was last, the server, and on which port."""

    port: int
    pid: int
    started: str


def start_persistent(home: Path, options: ServerOptions = DEFAULTS) -> Server:
    """Return the server of this home, started, and its data made, if need be.

    Safe to call twice, and from two processes at once; `options` count only when it starts. When
    root's home cannot be reached by the server's user, data lie elsewhere and the file `location`
    in the home says where. Raises Refused or Failed.
    """
    account = server_account()
    place = _settle(home, account)
    with _lock(place) as lock:
        record = _running(place)
        if record is None:
            _forget_the_dead(place / "data")
            with supervised(account, lock=lock) as supervisor:
                record = _start(_cluster(place, options, account), supervisor)
    return _server(place, record, options)


def stop_persistent(home: Path) -> bool:
    """Stop the server of this home and wait until it is gone; False: it was not running."""
    place = _place(home)
    if not place.is_dir():
        return False
    with _lock(place):
        return _stop(place, "fast")


def persistent_url(home: Path) -> str | None:
    """Return the superuser's address of the server of this home, or None when it is not running."""
    place = _place(home)
    record = _running(place)
    return _server(place, record, DEFAULTS).url if record else None


def _place(home: Path) -> Path:
    """Return where the server's files are: the home, or what the home names."""
    location = home / "location"
    return (
        Path(location.read_text(encoding="utf-8").strip()) if location.exists() else home.resolve()
    )


def _settle(home: Path, account: Account | None) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    place = _place(home)
    if can_enter(place, account):
        return place
    parents = [Path("/var/lib"), Path("/var/db"), *temporary_parents()]
    key = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    place = trusted_directory(parents, f"pgtide-{key}", account=account)
    (home / "location").write_text(f"{place}\n", encoding="utf-8")
    return place


@contextmanager
def _lock(place: Path) -> Iterator[int]:
    """Let one process at a time start or stop this server; the others wait for it."""
    with (place / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _running(place: Path) -> _Record | None:
    record = _recorded(place)
    return record if record and started(record.pid) == record.started else None


def _recorded(place: Path) -> _Record | None:
    try:
        return _Record(**json.loads((place / "server.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _cluster(place: Path, options: ServerOptions, account: Account | None) -> Cluster:
    return Cluster(
        binaries=server_binaries(options, account),
        account=account,
        data=place / "data",
        log=place / "log",
        settings=options.settings,
    )


def _start(cluster: Cluster, supervisor: Supervisor) -> _Record:
    place = cluster.data.parent
    last = _recorded(place)
    ports = chain(repeat(last.port, _SAME_PORT_TRIES) if last else [], free_ports())
    _ensure_data(cluster, supervisor)
    pid, port = cluster.start(supervisor, ports)
    record = _Record(port=port, pid=pid, started=started(pid) or "")
    _replace(place / "server.json", json.dumps(asdict(record)))
    supervisor.leave()
    return record


def _forget_the_dead(data: Path) -> None:
    """Remove the notice of a killed server whose process nobody has collected yet.

    The server takes such a zombie for a living rival, and where process 1 collects none (in many
    containers) it would for ever. It still refuses while a process of the killed one uses the data:
    it finds their shared memory without the notice.
    """
    notice = data / "postmaster.pid"
    if notice.exists() and started(int(notice.read_text(encoding="utf-8").split()[0])) is None:
        notice.unlink()


def _ensure_data(cluster: Cluster, supervisor: Supervisor) -> None:
    if cluster.data.exists():
        _check_data(cluster)
        return
    password = secrets.token_urlsafe(24)
    _replace(cluster.data.with_name("password"), password)
    unfinished = cluster.data.with_name("data.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    fresh = Cluster(
        binaries=cluster.binaries,
        account=cluster.account,
        data=unfinished,
        log=cluster.log,
        settings={},
    )
    fresh.initialize(supervisor, password=password, durable=True)
    unfinished.rename(cluster.data)


def _check_data(cluster: Cluster) -> None:
    """Refuse data that these programs cannot serve, or that nobody can log in to."""
    major = (cluster.data / "PG_VERSION").read_text(encoding="ascii").strip()
    if major != str(cluster.binaries.major):
        raise Refused(
            f"The data in {cluster.data} are of PostgreSQL {major}; "
            f"the server's programs are of {cluster.binaries.major}.",
            state="Nothing was started, the data are untouched.",
            remedy=f"Name programs of version {major} in PGTIDE_POSTGRES_BIN, "
            "or move the directory away to begin with an empty database.",
        )
    if not cluster.data.with_name("password").exists():
        raise Refused(
            f"The password of the data in {cluster.data} is gone.",
            state="Nothing was started, the data are untouched.",
            remedy="Put the file `password` back beside them, or move the directory away "
            "to begin with an empty database.",
        )


def _replace(path: Path, text: str) -> None:
    """Write a file that only we can read, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.rename(path)


def _server(place: Path, record: _Record, options: ServerOptions) -> Server:
    def start(_port: int) -> int:
        return start_persistent(place, options).pid

    def stop(mode: StopMode) -> None:
        with _lock(place):
            _stop(place, mode)

    return Server(
        port=record.port,
        data_dir=place / "data",
        password=(place / "password").read_text(encoding="ascii"),
        pid=record.pid,
        start=start,
        stop=stop,
    )


def _stop(place: Path, mode: StopMode) -> bool:
    record = _running(place)
    if record is None:
        return False
    for how, limit in ((mode, STOP_TIMEOUT), ("immediate", _LAST_STOP)):
        try:
            os.kill(record.pid, SIGNALS[how])
        except ProcessLookupError:
            return True
        except PermissionError:
            raise Refused(
                f"The server (process {record.pid}) belongs to another user.",
                state="It goes on.",
                remedy="Stop it as the user who started it.",
            ) from None
        if _ends(record, limit):
            return True
    raise Failed(
        f"The server (process {record.pid}) did not stop.",
        state="It may still be running.",
        remedy=f"See its log, {place / 'log'}, then stop the process by hand.",
    )


def _ends(record: _Record, limit: float, *, sleep: Callable[[float], object] = time.sleep) -> bool:
    for _ in range(int(limit / _POLL)):
        if started(record.pid) != record.started:
            return True
        sleep(_POLL)
    return False
