"""What a server has to give: an application that is idle at this moment is at work all the same."""

import time

import psycopg

from pgtide.postgres.activity import capacity
from pgtide.postgres.embedded import Server
from pgtide.postgres.session import connect
from tests.server import running_server


def used(server: Server) -> bool:
    with connect(server.url, purpose="test") as session:
        return capacity(session).used


def test_an_application_counts_for_a_second_and_our_own_sessions_never_do() -> None:
    with (
        running_server() as server,
        connect(server.url, purpose="worker 1.1") as ours,
        psycopg.connect(server.url, autocommit=True) as application,
    ):
        time.sleep(1.1)
        assert ours.value("SELECT 1") == 1
        assert not used(server)
        application.execute("SELECT 1")
        assert used(server)
        time.sleep(1.1)
        assert not used(server)
