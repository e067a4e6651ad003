"""A streaming replica of a test's server, made with pg_basebackup."""

from collections.abc import Iterator
from contextlib import contextmanager

from pgtide.postgres.embedded import Server
from pgtide.postgres.embedded.account import give, server_account
from pgtide.postgres.embedded.binaries import server_binaries
from pgtide.postgres.embedded.cluster import Cluster
from pgtide.postgres.embedded.options import DEFAULTS
from pgtide.postgres.embedded.port import free_ports
from pgtide.postgres.embedded.supervisor import supervised
from pgtide.postgres.embedded.trusted import temporary_parents
from tests.server import FAST


@contextmanager
def running_standby(primary: Server) -> Iterator[Server]:
    """Run a replica for as long as the block does; the same watcher ends it as ends any server."""
    account = server_account()
    binaries = server_binaries(DEFAULTS, account)
    with supervised(account, parent=temporary_parents()[0]) as supervisor:
        assert supervisor.directory is not None
        data, log = supervisor.directory / "data", supervisor.directory / "log"
        data.mkdir(mode=0o700)
        give(data, account)
        copy = [binaries.program("pg_basebackup"), "-D", str(data), "-d", primary.url, "-R"]
        assert supervisor.run([*copy, "--checkpoint=fast"], log=log) == 0, log.read_text()
        cluster = Cluster(binaries=binaries, account=account, data=data, log=log, settings=FAST)
        pid, port = cluster.start(supervisor, free_ports())
        yield Server(
            port=port,
            data_dir=data,
            password=primary._password,
            pid=pid,
            start=lambda _: pid,
            stop=supervisor.stop,
        )
