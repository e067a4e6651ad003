"""See and end the server processes of a migration, as a DBA at psql would."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pgtide.postgres.activity import NAMESPACE

_PATIENCE = 30.0

# The application's own trigger keeps one row's update waiting, in the first run only.
SLOW_ROW = """
CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.current_setting('application_name') LIKE 'pgtide worker 1.%' THEN
        PERFORM pg_catalog.pg_sleep(1.5);
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER slow BEFORE UPDATE ON public.users FOR EACH ROW
    WHEN (new.id = 15003 AND pg_catalog.current_setting('application_name') LIKE 'pgtide%')
    EXECUTE FUNCTION public.slow();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A server process of pgtide's."""

    pid: int
    name: str


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@contextmanager
def transaction_open(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Keep a transaction open that has read the table: concurrent builds and drops wait for it."""
    with psycopg.connect(url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM public.users")
        yield reader


def wait_for_backend(
    url: str, name: str, *, event: str | None = None, other_than: Found | None = None
) -> Found:
    """Wait until a backend of that name is there, waiting for that event if one is given."""
    query = (
        "SELECT pid, application_name FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE %s AND (%s::text IS NULL OR wait_event = %s) AND pid <> %s"
    )
    parameters = (name, event, event, other_than.pid if other_than else 0)
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(query, parameters).fetchone()
            if row is not None:
                return Found(pid=row[0], name=row[1])
            time.sleep(0.01)
    raise AssertionError(f"no backend {name} waits for {event}")


def wait_for_holder(url: str, *, other_than: Found) -> None:
    """Wait until another backend has the advisory lock of a table; being there is not enough."""
    # The trigger that watches for an undo takes one of another namespace, with each batch.
    query = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> %s"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND classid = %s"
    )
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query, [other_than.pid, NAMESPACE]).fetchone() == (0,):
            assert time.monotonic() < deadline, "nobody took the lock again"
            time.sleep(0.01)


def end_backend(url: str, found: Found) -> None:
    execute(url, f"SELECT pg_terminate_backend({found.pid})")


def everything(url: str) -> str:
    """Return a text that changes with any row of the table or of the ledger."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('pgtide', 'public') ORDER BY 1"
        ).fetchall()
        parts = []
        for (name,) in names:
            query = f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {name} AS t"
            found = connection.execute(query.encode()).fetchone()
            parts.append(f"{name} {found[0] if found else ''}")
    return "\n".join(parts)
