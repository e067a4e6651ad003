"""The bench's server and its data: each table is made once, each try works on a copy of it."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from pgtide.postgres.embedded import Server
from tests.bench.bench_table import BenchTable
from tests.small_table import run

# The disk of a shared machine would be most of what is measured. The rest is what a person would
# set on a server of this size; the screen shows it beside the figures.
SETTINGS: Final = {
    "fsync": "off",
    "shared_buffers": "512MB",
    "min_wal_size": "4GB",
    "max_wal_size": "4GB",
    "max_connections": "50",
}


class Dataset:
    """Databases of one server, made once, from which each try takes a copy."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._made: set[str] = set()

    @property
    def url(self) -> str:
        """Return the server's own address."""
        return self._server.url

    def table(self, table: BenchTable, rows: int) -> str:
        """Return the database of a table of so many rows."""
        return self.made(f"{table.name}_{rows}", lambda url: _fill(url, table, rows))

    def made(self, name: str, make: Callable[[str], object]) -> str:
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
        # What was written so far is written back now: the kernel would do it during the try, on a
        # processor that was to be the contender's; and so would a checkpoint that came due.
        self._admin(sql.SQL("CHECKPOINT"))
        os.sync()
        try:
            yield self._server.database_url(name)
        finally:
            self._admin(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(new))

    def _admin(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self._server.url, autocommit=True) as admin:
            admin.execute(statement)


def _fill(url: str, table: BenchTable, rows: int) -> None:
    table.create(url, rows)
    # No debt from the filling, which the first to come would pay.
    run(url, f"VACUUM (FREEZE, ANALYZE) {table.relation}")
