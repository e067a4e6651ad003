"""The one composer of SQL text.

Identifiers and literals enter a statement here and nowhere else.
"""

from typing import Final, LiteralString

from psycopg import sql

from pgtide.model.table import TableName

# NAMEDATALEN - 1: PostgreSQL cuts longer names silently, and two cut names may collide.
MAX_NAME_BYTES: Final = 63


def ident(*parts: str) -> str:
    """Quote a name, qualified where several parts are given."""
    return sql.Identifier(*parts).as_string(None)


def literal(text: str) -> str:
    """Quote a string."""
    return sql.Literal(text).as_string(None)


def relation(name: TableName) -> str:
    """Quote a table's qualified name."""
    return ident(name.schema, name.name)


def fill(template: LiteralString, /, **parts: str) -> str:
    """Put composed parts into a template.

    Each part must come from this module, or from the server.
    """
    composed = {key: sql.SQL(text) for key, text in parts.items()}
    return sql.SQL(template).format(**composed).as_string(None)


def escaped(text: str) -> str:
    """Return SQL that holds no parameter as the driver takes it.

    Names may hold a percent sign, which the driver would take for one.
    """
    return text.replace("%", "%%")


def search_path(name: TableName) -> str:
    """Return where a migration's expressions and the application's triggers look for names.

    PostgreSQL's own, the table's schema, public. Its own schema comes first without being named;
    named first, it would be where a statement creates what it gives no schema.
    """
    return listed([ident(name.schema), "public", "pg_temp"])


def listed(items: list[str] | tuple[str, ...]) -> str:
    """Join composed parts with commas."""
    return ", ".join(items)


def fitted(prefix: str, name: str, suffix: str = "") -> str:
    """Return prefix, name and suffix as one name, the middle cut to what PostgreSQL keeps.

    In bytes.
    """
    room = MAX_NAME_BYTES - len(prefix.encode()) - len(suffix.encode())
    return prefix + name.encode()[:room].decode(errors="ignore") + suffix
