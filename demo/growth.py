"""How much a table grows: by one UPDATE of all rows, and at the least.

Both are measured on copies of the demo's table, before anything else runs, and dropped at once. The
first is logged, so that the UPDATE costs what it costs; the other is not, which changes no size.
"""

from dataclasses import dataclass
from typing import Final

from demo import database, one_update
from demo.database import Sizes
from demo.one_update import OneUpdate
from pgtide.postgres.session import Session, connect

_COPY: Final = "public.users_at_once"
_MINIMAL: Final = "public.users_minimal"

# What the migration does to old rows, as one statement.
_WIDEN: Final = (
    "ALTER TABLE {table} ADD COLUMN email_verified_v2 boolean,"
    " ADD COLUMN verification_token_v2 varchar(255), ADD COLUMN verified_at timestamp"
)
_UPDATE: Final = (
    "UPDATE {table} SET email_verified_v2 = email_verified,"
    " verification_token_v2 = verification_token,"
    " verified_at = CASE WHEN email_verified THEN created_at END"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardsticks:
    """The sizes of the table before, after one UPDATE of all rows, and of freshly written rows."""

    before: Sizes
    update: OneUpdate
    at_once: Sizes
    minimal: Sizes


def measure(url: str, *, rows: int) -> Yardsticks:
    """Measure the demo's table of so many rows against its two copies."""
    with connect(url, purpose="demo") as session:
        before = database.sizes(session, database.TABLE)
        _copy(session, database.TABLE, _COPY)
        session.execute("CHECKPOINT")
        text = _UPDATE.format(table=_COPY)
        update = one_update.run(session, url, text, table=_COPY, rows=rows)
        at_once = database.sizes(session, _COPY)
        _copy(session, _COPY, _MINIMAL)
        minimal = database.sizes(session, _MINIMAL)
        session.execute(f"DROP TABLE {_COPY}, {_MINIMAL}")
    return Yardsticks(before=before, update=update, at_once=at_once, minimal=minimal)


def _copy(session: Session, source: str, target: str) -> None:
    """Write a table's rows anew into a wider one, and index them afterwards."""
    database.create(session, target, kind="" if target == _COPY else "UNLOGGED")
    widen, fill = _WIDEN.format(table=target), f"INSERT INTO {target} SELECT * FROM {source}"  # noqa: S608  # our own names
    # The source of the second copy is as wide as its target.
    for statement in (fill, widen) if source == database.TABLE else (widen, fill):
        session.execute(statement)
    database.finish(session, target)
