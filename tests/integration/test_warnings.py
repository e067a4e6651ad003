"""What does not stop a migration but is good to know, each said of the real thing."""

import time

import psycopg

from pgtide.model.table import Table
from pgtide.phases.preflight import plan_anew, warnings
from pgtide.phases.target import target_table
from pgtide.postgres.embedded import Server
from pgtide.postgres.session import connect
from tests.server import running_server
from tests.standby import running_standby
from tests.users import create_users, email_migration


def said(url: str) -> str:
    with connect(url, purpose="test") as session:
        migration = email_migration()
        table: Table = target_table(session, migration.table_name)
        plan = plan_anew(session, migration, table).plan
        return "\n".join(warnings(session, plan, table))


def test_a_quiet_table_gives_no_warning(database: str) -> None:
    create_users(database, rows=100)

    assert said(database) == ""


def test_the_applications_triggers_and_a_missing_key_are_named(database: str) -> None:
    create_users(database, rows=100)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE public.users DROP CONSTRAINT users_pkey")
        connection.execute(
            "CREATE TRIGGER touch BEFORE UPDATE ON public.users FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        )

    found = said(database)

    assert "fire the application's trigger touch" in found
    assert "public.users has no key" in found


def test_a_replica_and_a_slot_that_nobody_reads_are_named() -> None:
    with running_server({"fsync": "off", "wal_level": "logical"}) as primary:
        create_users(primary.url, rows=100)
        with psycopg.connect(primary.url, autocommit=True) as connection:
            connection.execute("SELECT pg_create_physical_replication_slot('forgotten')")
        assert "Nobody reads the replication slot forgotten" in said(primary.url)
        with running_standby(primary):
            wait_for_replica(primary)
            assert "The replica walreceiver replays the strong locks" in said(primary.url)


def wait_for_replica(primary: Server) -> None:
    with psycopg.connect(primary.url, autocommit=True) as connection:
        for _ in range(100):
            if connection.execute("SELECT count(*) FROM pg_stat_replication").fetchone() != (0,):
                return
            time.sleep(0.1)
    raise AssertionError("the replica never connected")
