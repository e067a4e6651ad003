"""The database of a Prefect server: made where it is missing, and its address as Prefect takes it.

Prefect's own driver is another than ours, with an address of its own kind.
"""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pgtide.errors import InvalidSettings, PgtideError, Refused
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import connect
from pgtide.sql import queries

SETTING: Final = "PGTIDE_PREFECT_DATABASE_URL"
_SQL: Final = queries("prefect_database")
# What an address may ask for, and how asyncpg calls it.
_WORDS: Final = {"sslmode": "ssl"}


def ensure_database(url: str, name: str) -> None:
    """Create a database of the server at an address, unless it is there."""
    with connect(url, purpose="serve") as session:
        if not session.value(_SQL["database_exists"], {"name": name}):
            with session.unhurried():
                session.execute(f"CREATE DATABASE {ident(name)}", doing=f"creating {name}")


def ensure_extension(url: str) -> None:
    """Give a database what Prefect searches names with; raises Refused where it cannot be had."""
    with connect(url, purpose="serve", given=SETTING) as session:
        try:
            session.execute(
                "CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public",
                doing="adding the extension pg_trgm",
            )
        except PgtideError as error:
            raise Refused(
                f"Prefect's database has no extension pg_trgm, and cannot get it: {error.what}",
                state="Nothing was started.",
                remedy=f"Let an administrator run CREATE EXTENSION pg_trgm in the database that "
                f"{SETTING} names, or unset it: then the embedded server serves.",
            ) from error


def for_prefect(url: str) -> str:
    """Return an address as Prefect takes it; raises InvalidSettings where it cannot be."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query)
    unknown = [name for name, _ in query if name not in _WORDS]
    if parts.scheme not in {"postgres", "postgresql"} or unknown:
        why = f"{' and '.join(unknown)} cannot be passed on" if unknown else "it is no address"
        raise InvalidSettings(
            f"{SETTING} cannot be used for Prefect's database: {why}.",
            state="Nothing was started.",
            remedy="Write it as postgresql://user:password@host:port/database, with no more than "
            "sslmode after a question mark.",
        )
    words = urlencode([(_WORDS[name], value) for name, value in query])
    return urlunsplit(("postgresql+asyncpg", parts.netloc, parts.path, words, ""))
