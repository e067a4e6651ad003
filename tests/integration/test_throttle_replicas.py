"""Each signal about replicas, by a real one that stops, is slow, goes or is late on purpose."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
import pytest

from pgtide.postgres.embedded import Server
from tests.roles import temporary_role
from tests.server import fresh_database
from tests.small_table import run as act
from tests.standby import running_standby
from tests.throttling import NOTHING, quick, session, small, wait_for, watched

LAG = replace(NOTHING, replica_lag="400ms")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A primary's database, and the replica that streams from it."""

    url: str
    replica: str

    def set(self, name: str, value: str) -> None:
        """Set one of the replica's settings."""
        act(self.replica, f"ALTER SYSTEM SET {name} = $${value}$$", "SELECT pg_reload_conf()")

    def write(self) -> None:
        """Write some WAL on the primary."""
        act(self.url, "UPDATE public.t SET a = a")


@pytest.fixture(scope="module")
def standby(server: Server) -> Iterator[Server]:
    """A replica for the tests of this file."""
    with running_standby(server) as running:
        pair = Pair(url=server.url, replica=running.url)
        pair.set("wal_receiver_status_interval", "1s")
        pair.set("wal_retrieve_retry_interval", "100ms")
        yield running


@pytest.fixture
def pair(server: Server, standby: Server) -> Iterator[Pair]:
    with fresh_database(server) as url:
        small(url)
        wait_for(lambda: act(url, STREAMING) == [(1,)], "the replica")
        yield Pair(url=url, replica=standby.url)


STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


def test_a_replica_that_keeps_up_does_not_hold_however_idle_the_primary_is(pair: Pair) -> None:
    both = replace(LAG, replica_lag="2s", replica_bytes="16MB")
    with watched(pair.url, both) as seen, session(pair.url) as waiting:
        for _ in range(4):
            assert seen.valve.held() is None
            waiting.execute("SELECT pg_sleep(0.5)")


def test_a_replica_that_stops_replaying_holds_by_its_age_until_it_goes_on(pair: Pair) -> None:
    with watched(pair.url, LAG) as seen:
        act(pair.replica, "SELECT pg_wal_replay_pause()")
        pair.write()
        held = seen.holds("replica_lag")
        assert held.reason.startswith("replica walreceiver lags ")
        assert held.reason.endswith(" s, limit 0.4 s")
        assert held.value is not None
        assert held.value > 0.4 == held.limit
        act(pair.replica, "SELECT pg_wal_replay_resume()")
        seen.goes_on()


def test_a_replica_that_stops_replaying_holds_by_its_bytes_until_it_goes_on(pair: Pair) -> None:
    with watched(pair.url, replace(NOTHING, replica_bytes="60kB")) as seen:
        act(pair.replica, "SELECT pg_wal_replay_pause()")
        pair.write()
        held = seen.holds("replica_bytes")
        assert held.reason.startswith("replica walreceiver is ")
        assert held.reason.endswith("B behind, limit 60 kB")
        act(pair.replica, "SELECT pg_wal_replay_resume()")
        seen.goes_on()


def test_a_slow_replica_holds_until_it_is_fast_enough(pair: Pair) -> None:
    with watched(pair.url, LAG) as seen:
        pair.set("recovery_min_apply_delay", "1500ms")
        assert seen.holds("replica_lag").reason.startswith("replica walreceiver lags ")
        pair.set("recovery_min_apply_delay", "0")
        seen.goes_on()


def test_a_replica_that_is_late_on_purpose_does_not_hold(pair: Pair) -> None:
    aside = replace(LAG, replica_bytes="1kB", ignore_replicas=("walreceiver",))
    with watched(pair.url, aside) as seen, session(pair.url) as waiting:
        act(pair.replica, "SELECT pg_wal_replay_pause()")
        pair.write()
        waiting.execute("SELECT pg_sleep(0.6)")
        assert seen.valve.held() is None
        act(pair.replica, "SELECT pg_wal_replay_resume()")


def test_a_replica_that_is_gone_holds_until_it_is_back(pair: Pair) -> None:
    with watched(pair.url, replace(NOTHING, replica_bytes="1TB")) as seen:
        [(primary,)] = act(pair.replica, "SHOW primary_conninfo")
        pair.set("primary_conninfo", "host=/nowhere")
        held = seen.holds("replica_gone")
        assert held.reason.startswith("replica walreceiver is gone since this run began")
        assert held.value == 1.0
        pair.set("primary_conninfo", str(primary))
        seen.goes_on()


def test_a_query_on_a_replica_that_feeds_back_its_horizon_holds_and_is_named(pair: Pair) -> None:
    pair.set("hot_standby_feedback", "on")
    with watched(pair.url, replace(NOTHING, horizon="1s")) as seen:
        with session(pair.replica, "BEGIN ISOLATION LEVEL REPEATABLE READ", "TABLE pg_class"):
            held = seen.holds("horizon")
            assert held.reason.startswith("feedback of replica walreceiver has kept dead rows")
        pair.set("hot_standby_feedback", "off")
        seen.goes_on()


def test_replicas_that_the_role_may_not_see_hold_until_it_may(pair: Pair) -> None:
    with temporary_role(pair.url) as (name, url), psycopg.connect(pair.url) as admin:
        for grant in (
            f"GRANT CREATE ON DATABASE {admin.info.dbname} TO {name}",
            f"GRANT CREATE ON SCHEMA public TO {name}",
            f"ALTER TABLE public.t OWNER TO {name}",
        ):
            admin.execute(grant.encode())
        admin.commit()
        settings = replace(quick(url), throttle_patience=timedelta(milliseconds=400))
        with watched(url, LAG, settings, admin=pair.url) as seen:
            assert "GRANT pg_read_all_stats to it" in seen.holds("replica_lag").reason
            admin.execute(f"GRANT pg_read_all_stats TO {name}".encode())
            admin.commit()
            seen.goes_on()
