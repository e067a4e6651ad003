"""What a killed worker had committed, and whether any of it was done again.

The witness is the table itself: every row version carries the transaction that wrote it (xmin). The
rows that are in step right after the kill are noted with theirs; if the backfill wrote one of them
again, its version is another one although no application raised its revision.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from demo.database import TABLE
from pgtide.errors import Failed
from pgtide.ledger.record import Record, find
from pgtide.postgres.session import Session
from pgtide.sql import queries

_LEDGER: Final = queries("ledger")
_POLL: Final = 0.03
# Ended server processes roll back and go within this time.
_GONE_SECONDS: Final = 10.0

_NOTED: Final = "public.pgtide_demo_in_step"
_NOTE: Final = f"""
CREATE UNLOGGED TABLE {_NOTED} AS
SELECT id, revision, xmin::text AS version FROM {TABLE}
 WHERE email_verified_v2 IS NOT DISTINCT FROM email_verified
   AND verification_token_v2 IS NOT DISTINCT FROM verification_token
   AND (email_verified IS TRUE) = (verified_at IS NOT NULL)
"""  # noqa: S608  # our own names
_REDONE: Final = f"""
SELECT count(*) FROM {_NOTED} AS n JOIN {TABLE} AS u USING (id)
 WHERE u.revision = n.revision AND u.xmin::text <> n.version
"""  # noqa: S608  # our own names
_AT_WORK: Final = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name LIKE 'pgtide worker %' OR application_name LIKE 'pgtide lock %'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the ledger says is done: rows, committed batches, and the share of the walk."""

    rows: int
    batches: int
    walked: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A worker killed in mid-backfill: what stood then, what was left, and what was done again."""

    at: Checkpoint
    end: Checkpoint
    in_step: int
    redone: int


def await_share(
    session: Session, migration_id: str, share: float, *, working: Callable[[], bool]
) -> None:
    """Wait until so much of the walk is committed; raises Failed where the worker ends before."""
    while working():
        record = find(session, migration_id)
        if record is not None and checkpoint(session, record).walked >= share:
            return
        time.sleep(_POLL)
    raise Failed(
        f"The worker ended before {share:.0%} of the backfill were seen.",
        state="The demo stops here and takes everything down.",
        remedy="See what it said above.",
    )


def checkpoint(session: Session, record: Record) -> Checkpoint:
    """Read how far the backfill is, from the ledger."""
    row = session.rows(_LEDGER["progress"], {"id": record.id, "attempt": record.attempt})[0]
    return Checkpoint(rows=row["rows"], batches=row["batches"], walked=row["walked"])


def note(session: Session) -> int:
    """Note the rows that are in step, once the killed worker's server processes are gone."""
    deadline = time.monotonic() + _GONE_SECONDS
    while session.value(_AT_WORK):
        if time.monotonic() > deadline:
            raise Failed(
                "The killed worker's server processes did not end.",
                state="The demo stops here and takes everything down.",
                remedy="See pg_stat_activity.",
            )
        time.sleep(_POLL)
    return session.execute(_NOTE)


def redone(session: Session) -> int:
    """Count the noted rows that the backfill wrote again, and forget the notes."""
    count = int(session.value(_REDONE))
    session.execute(f"DROP TABLE {_NOTED}")
    return count
