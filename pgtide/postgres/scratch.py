"""Databases that live for a moment, and those that a restore goes into."""

from typing import Final

from psycopg.conninfo import make_conninfo

from pgtide.postgres.ddl import ident, literal
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("backup")
_PROVIDERS: Final = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}


def with_database(url: str, name: str) -> str:
    """Return the address of another database of the same server, for the same role."""
    return make_conninfo(url, dbname=name)


def may_create(session: Session) -> bool:
    """Tell whether this role may create a database."""
    return bool((session.row(_SQL["may_create_database"]) or {}).get("may"))


def create(session: Session, name: str, *, like: Session) -> None:
    """Create a database that writes and sorts as another one does; nobody else may enter it."""
    with session.unhurried():
        session.execute(
            f"CREATE DATABASE {ident(name)} TEMPLATE template0 {_locale(like)}",
            doing="creating the scratch database",
        )
    session.execute(
        f"REVOKE ALL ON DATABASE {ident(name)} FROM PUBLIC", doing="closing the scratch database"
    )


def drop(session: Session, name: str) -> None:
    """Drop a database, whoever is in it; does nothing where there is none."""
    with session.unhurried():
        session.execute(
            f"DROP DATABASE IF EXISTS {ident(name)} WITH (FORCE)",
            doing="dropping the scratch database",
        )


def same_database(one: Session, other: Session) -> bool:
    """Tell whether two sessions are in one database."""
    return one.row(_SQL["identity"]) == other.row(_SQL["identity"])


def occupants(session: Session) -> list[str]:
    """Name some of what is in a database; nothing where it is empty."""
    return [row["name"] for row in session.rows(_SQL["occupants"])]


def _locale(like: Session) -> str:
    found = like.rows(_SQL["locale"])[0]
    words = [
        f"ENCODING {literal(found['encoding'])}",
        f"LC_COLLATE {literal(found['collate'])}",
        f"LC_CTYPE {literal(found['ctype'])}",
    ]
    if found["provider"] in _PROVIDERS:
        provider, option = _PROVIDERS[found["provider"]]
        words += [f"LOCALE_PROVIDER {provider}", f"{option} {literal(found['locale'])}"]
    return " ".join(words)
