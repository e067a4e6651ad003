"""What a server has to give: an application that is idle at this moment is at work all the same."""

import time
from dataclasses import replace

import psycopg

from pgtide.postgres.activity import Capacity, capacity
from pgtide.postgres.session import connect
from tests.roles import temporary_role
from tests.server import running_server


def apart_from_cores(found: Capacity) -> Capacity:
    return replace(found, cores=None)


def test_an_application_counts_for_a_second_and_our_own_sessions_apart() -> None:
    with (
        running_server() as server,
        connect(server.url, purpose="test") as asking,
        connect(server.url, purpose="worker 1.1") as ours,
        psycopg.connect(server.url, autocommit=True) as application,
    ):
        time.sleep(1.1)
        assert ours.value("SELECT 1") == 1
        assert apart_from_cores(capacity(asking)) == Capacity(cores=None)
        application.execute("SELECT 1")
        assert apart_from_cores(capacity(asking)) == Capacity(cores=None, lately=1)
        time.sleep(1.1)
        assert apart_from_cores(capacity(asking)) == Capacity(cores=None)


def test_what_a_role_may_not_see_counts_as_hidden(database: str) -> None:
    with (
        psycopg.connect(database, autocommit=True) as application,
        temporary_role(database) as (_, url),
        connect(url, purpose="test") as asking,
    ):
        application.execute("SELECT 1")
        seen = capacity(asking)
    assert (seen.cores, seen.others, seen.lately) == (None, 0, 0)
    assert seen.hidden >= 1
