"""The tests' PostgreSQL: one server a session, a database a test."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from pgtide.postgres.embedded import Server, ServerOptions, temporary_server
from tests.memory import memory

_KNOWS_ROUNDS = 16_00_00
# Durability is switched off where no test is about crashes: the server lives for one session. Of
# few buffers, each of the many short connections has few pages to map.
FAST = {
    "fsync": "off",
    "max_connections": "100",
    "max_prepared_transactions": "5",
    "shared_buffers": "16MB",
}


@contextmanager
def running_server(
    settings: dict[str, str] | None = None, *, on_disk: bool = False
) -> Iterator[Server]:
    """Run a server for as long as the block does, in memory unless it is to be on disk."""
    place = None if on_disk else memory()
    with temporary_server(ServerOptions(settings=settings or FAST), directory=place) as server:
        _spare_the_rounds(server)
        yield server


def _spare_the_rounds(server: Server) -> None:
    """Have the password hashed once instead of 4096 times, by every one of the many clients."""
    password = urlsplit(server.url).password
    assert password is not None
    with psycopg.connect(server.url, autocommit=True) as admin:
        if admin.info.server_version >= _KNOWS_ROUNDS:
            admin.execute("SET scram_iterations = 1")
            admin.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(sql.Literal(password)))


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


@contextmanager
def fresh_database(server: Server, template: str = "template1") -> Iterator[str]:
    """Create a database and yield its address; drop it afterwards, whoever is still connected."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    try:
        yield server.database_url(name)
    finally:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
