"""The bench's server and its data: each table is made once, each try works on a copy of it."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from pgtide.postgres.embedded import Server
from tests.small_table import run
from tests.users import create_users

# The disk of a shared machine would be most of what is measured. The rest is what a person would
# set on a server of this size; the screen shows it beside the figures.
SETTINGS: Final = {
    "fsync": "off",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "50",
}
TABLE: Final = "public.users"
# What brings an old row into the new shape, for whoever does it by hand.
FILL: Final = (
    "email_verified_v2 = email_verified, verification_token_v2 = verification_token,"
    " verified_at = CASE WHEN email_verified THEN created_at END"
)
WIDEN: Final = (
    "ALTER TABLE public.users ADD COLUMN email_verified_v2 boolean,"
    " ADD COLUMN verification_token_v2 varchar(255), ADD COLUMN verified_at timestamp"
)


class Dataset:
    """Databases of one server, made once, from which each try takes a copy."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._made: set[str] = set()

    def table(self, rows: int, *, kind: str, name: str) -> str:
        """Return the database of the strategy's table, of so many rows."""
        return self.made(name, lambda url: _fill(url, rows=rows, kind=kind))

    def made(self, name: str, make: Callable[[str], None]) -> str:
        """Return the database of this name, made by `make` the first time."""
        if name not in self._made:
            self._admin(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            make(self._server.database_url(name))
            self._made.add(name)
        return name

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """Yield the address of a copy, byte for byte; drop it afterwards."""
        name = f"try_{uuid.uuid4().hex[:12]}"
        new = sql.Identifier(name)
        # Files are copied as they are: nothing of it is in the log or in the buffers.
        self._admin(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                new, sql.Identifier(template)
            )
        )
        try:
            yield self._server.database_url(name)
        finally:
            self._admin(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(new))

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.url, autocommit=True) as admin:
            admin.execute(statement)


def _fill(url: str, *, rows: int, kind: str) -> None:
    create_users(url, rows=rows, kind=kind)
    # No debt from the filling, which the first to come would pay.
    run(url, "VACUUM (FREEZE, ANALYZE) public.users")
