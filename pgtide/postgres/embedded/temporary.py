"""A server for the length of a `with` block, or of the process, whichever ends first."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from pgtide.errors import Refused
from pgtide.postgres.embedded.account import Account, can_enter, server_account
from pgtide.postgres.embedded.binaries import server_binaries
from pgtide.postgres.embedded.cluster import Cluster
from pgtide.postgres.embedded.options import DEFAULTS, ServerOptions
from pgtide.postgres.embedded.port import free_ports
from pgtide.postgres.embedded.server import Server
from pgtide.postgres.embedded.supervisor import Supervisor, supervised
from pgtide.postgres.embedded.trusted import temporary_parents

# Of the same port again, 0.1 s apart: a client's last connection may hold it for a moment.
_RESTART_TRIES = 50


@contextmanager
def temporary_server(
    options: ServerOptions = DEFAULTS, *, directory: Path | None = None
) -> Iterator[Server]:
    """Run a server of our own until the block ends; then nothing of it is left.

    The same holds when this process dies, by any signal: a watcher stops the server and removes
    its files. They lie in a new directory below `directory`, or below the temporary directory when
    none is given or when root gives one that the server's user cannot reach. Raises Refused or
    Failed when no server can be run.
    """
    account = server_account()
    binaries = server_binaries(options, account)
    parent = _parent(directory, account)
    with supervised(account, parent=parent) as supervisor:
        home = supervisor.directory or parent
        cluster = Cluster(
            binaries=binaries,
            account=account,
            data=home / "data",
            log=home / "log",
            settings=options.settings,
        )
        yield _launch(cluster, supervisor)


def _launch(cluster: Cluster, supervisor: Supervisor) -> Server:
    password = secrets.token_urlsafe(24)
    cluster.initialize(supervisor, password=password, durable=False)
    pid, port = cluster.start(supervisor, free_ports())
    return Server(
        port=port,
        data_dir=cluster.data,
        password=password,
        pid=pid,
        start=lambda again: cluster.start(supervisor, repeat(again, _RESTART_TRIES))[0],
        stop=supervisor.stop,
    )


def _parent(directory: Path | None, account: Account | None) -> Path:
    if directory and not (directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)):
        raise Refused(
            f"{directory} is no directory that a server's files can be put into.",
            state="Nothing was started.",
            remedy="Name an existing directory that you may write to.",
        )
    asked = [directory.resolve()] if directory else []
    for parent in [*asked, *temporary_parents()]:
        if parent.is_dir() and can_enter(parent, account) and os.access(parent, os.W_OK):
            return parent
    raise Refused(
        "No temporary directory can be written to by pgtide and reached by the server's user.",
        state="Nothing was started.",
        remedy="Set TMPDIR to a directory below parents that all users may pass through.",
    )
