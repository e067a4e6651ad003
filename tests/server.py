"""The tests' PostgreSQL: one server a session, a database a test."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from pgtide.postgres.embedded import Server, ServerOptions, temporary_server
from tests.memory import memory

# Durability is switched off where no test is about crashes: the server lives for one session.
FAST = {"fsync": "off", "max_connections": "100", "max_prepared_transactions": "5"}


@contextmanager
def running_server(
    settings: dict[str, str] | None = None, *, on_disk: bool = False
) -> Iterator[Server]:
    """Run a server for as long as the block does, in memory unless it is to be on disk."""
    place = None if on_disk else memory()
    with temporary_server(ServerOptions(settings=settings or FAST), directory=place) as server:
        yield server


@contextmanager
def fresh_database(server: Server, template: str = "template1") -> Iterator[str]:
    """Create a database and yield its address; drop it afterwards, whoever is still connected."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    try:
        yield server.database_url(name)
    finally:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
