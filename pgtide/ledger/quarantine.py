"""Quarantine: rows that could not be filled for what they hold, by their keys.

A key is row data: what is read here is for the owner only, and never for a log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.ledger.record import Record
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("quarantine")


class Left(StrEnum):
    """Why a row left quarantine."""

    FILLED = "filled"
    IN_STEP = "in_step"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Whose rows: those of one attempt at a migration."""

    migration_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a row: where it stands in which file, and who wrote it (ctid and xmin)."""

    place: str
    version: str
    filenode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A row in quarantine: its key, the version of it that failed, and why.

    The key's text is the server's own: numbers lose nothing in it.
    """

    id: int
    table_oid: int
    key: Mapping[str, object]
    key_text: str
    place: str
    version: str
    filenode: int
    sqlstate: str
    reason: str
    tries: int
    at: datetime
    tried_at: datetime

    @property
    def seen(self) -> Version:
        """Return the version that failed."""
        return Version(place=self.place, version=self.version, filenode=self.filenode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why so many rows are in quarantine."""

    sqlstate: str
    reason: str
    rows: int


def attempt_of(owner: Lease | Record) -> Attempt:
    """Return the attempt that a run works on, or that a record is about."""
    known = owner.migration_id if isinstance(owner, Lease) else owner.id
    return Attempt(migration_id=known, attempt=owner.attempt)


def held(session: Session, whose: Attempt) -> list[HeldRow]:
    """Return the rows in quarantine, in the order in which they came."""
    if not _kept(session):
        return []
    return [HeldRow(**row) for row in session.rows(_SQL["held_rows"], _where(whose))]


def count(session: Session, whose: Attempt) -> int:
    """Return how many rows are in quarantine."""
    return int(session.value(_SQL["count_held"], _where(whose))) if _kept(session) else 0


def reasons(session: Session, whose: Attempt) -> list[Reason]:
    """Return why rows are in quarantine, the most frequent reason first."""
    if not _kept(session):
        return []
    return [Reason(**row) for row in session.rows(_SQL["held_reasons"], _where(whose))]


def places(session: Session, whose: Attempt, *, filenode: int) -> list[str]:
    """Return where the rows in quarantine stand in a file."""
    where = {**_where(whose), "filenode": filenode}
    return [row["place"] for row in session.rows(_SQL["held_places"], where)]


def filled(session: Session, whose: Attempt) -> int:
    """Return how many rows the backfill has filled."""
    return int(session.value(_SQL["filled_rows"], _where(whose)))


def release(session: Session, row: HeldRow, left: Left) -> None:
    """Let a row leave quarantine."""
    session.execute(_SQL["release_row"], {"row": row.id, "as": left})
    if left is Left.FILLED:
        session.execute(_SQL["count_refilled"], {"row": row.id})


def keep(session: Session, row: HeldRow, now: Version, *, sqlstate: str, reason: str) -> None:
    """Note that a row's newest version is no better."""
    where = {"place": now.place, "version": now.version, "filenode": now.filenode}
    why = {"sqlstate": sqlstate, "reason": reason}
    session.execute(_SQL["move_row"], {"row": row.id, **where, **why})


def _kept(session: Session) -> bool:
    return bool(session.value(_SQL["kept"]))


def _where(whose: Attempt) -> dict[str, object]:
    return {"id": whose.migration_id, "attempt": whose.attempt}
