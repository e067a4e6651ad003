"""What every session of ours sets, and what a transaction sets for itself."""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Final

from pgtide.postgres.ddl import fill, listed, literal

# Read back by nothing and set by name, so that a role's or a database's own defaults cannot kill a
# long step (trap 72). row_security off turns a policy that would hide rows into an error (finding
# 8). UTC: a cast between timestamp and timestamptz must not depend on who runs it.
BASE: Final[Mapping[str, str]] = {
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "row_security": "off",
    # A migration's statements are read by a parser that takes a backslash for itself.
    "standard_conforming_strings": "on",
    "lock_timeout": "5s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "idle_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "client_min_messages": "warning",
    # What the server writes is compared with what it wrote before, and kept in the archive.
    "quote_all_identifiers": "off",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "jit": "off",
    # A killed client must not leave its statement running (finding 9).
    "client_connection_check_interval": "5s",
    # The server must notice a vanished client too: its session holds the advisory lock.
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


# What came with 17, and older servers do not know.
_LATER: Final[Mapping[str, str]] = {"transaction_timeout": "0"}
_LATER_VERSION: Final = 170000


def base_settings(version: int) -> Mapping[str, str]:
    """Return what every session of ours sets; the server's version is libpq's, 150018 for 15.18."""
    return {**BASE, **(_LATER if version >= _LATER_VERSION else {})}


def milliseconds(span: timedelta) -> str:
    """Write a duration as PostgreSQL's timeouts read it."""
    return f"{max(1, round(span.total_seconds() * 1000))}ms"


@lru_cache(maxsize=100)
def set_locally(settings: tuple[tuple[str, str], ...]) -> str:
    """Return the statement that sets names to values until the transaction ends."""
    calls = [
        fill("set_config({name}, {value}, true)", name=literal(name), value=literal(value))
        for name, value in settings
    ]
    return f"SELECT {listed(calls)}"
