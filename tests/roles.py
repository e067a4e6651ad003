"""Roles of a test's own: they belong to the server, so each has a name that nobody else has."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo


@contextmanager
def temporary_role(url: str, attributes: str = "") -> Iterator[tuple[str, str]]:
    """Create a role that may log in; yield its name and its address of the same database."""
    name = f"role_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret' ").format(sql.Identifier(name))
            + sql.SQL(attributes)
        )
        try:
            yield name, make_conninfo(url, user=name, password="secret")
        finally:
            for words in ("REASSIGN OWNED BY {} TO postgres", "DROP OWNED BY {}", "DROP ROLE {}"):
                admin.execute(sql.SQL(words).format(sql.Identifier(name)))
