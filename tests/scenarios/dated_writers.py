"""Releases that account for `verified_at` too, and prepare each statement at its first execution.

A release that does not know it has its dates from the triggers: when a flag changes, the time of
that statement; the release with the final names writes its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import psycopg

from tests.scenarios.live_writers import OLD, Release, Writer

# Dates that no trigger gives: the server's clock is far from them.
_OWN = datetime(2001, 1, 1)  # noqa: DTZ001 - the column is a timestamp without a zone
FINAL = Release(flag=OLD.flag, token=OLD.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """A row's flag, and between which moments its date must lie; both None for no date.

    `anything` where nobody fills it any more.
    """

    flag: bool | None
    anything: bool = False
    earliest: datetime | None = None
    latest: datetime | None = None

    def fits(self, date: datetime | None) -> bool:
        """Tell whether a date is what it must be."""
        if self.anything:
            return True
        if self.earliest is None or self.latest is None or date is None:
            return date is None and self.earliest is None
        return self.earliest <= date <= self.latest


def standing(url: str) -> dict[int, Dated]:
    """Return what every row holds now, to begin an account with."""
    with psycopg.connect(url) as session:
        rows = session.execute("SELECT id, email_verified, verified_at FROM users")
        return {key: Dated(flag=flag, earliest=at, latest=at) for key, flag, at in rows}


class DatedWriter(Writer):
    """Write by names that do not tell of the date; the triggers give it where the flag changes."""

    prepares: ClassVar[int] = 0
    base: ClassVar[Mapping[int, Dated]] = {}
    triggers_end: ClassVar[datetime | None] = None

    def __init__(self, url: str, release: Release, *, number: int) -> None:
        # The trigger's now() is cast to the column's type where the writer is.
        super().__init__(
            psycopg.conninfo.make_conninfo(url, options="-c timezone=UTC"), release, number=number
        )
        self.dates: dict[int, Dated | None] = {}

    def _noted(self, key: int, begun: datetime) -> None:
        held = self.account.rows.get(key)
        before = self.dates[key] if key in self.dates else self.base.get(key)
        if held is None:
            self.dates[key] = None
        elif before is None or before.flag != held[0]:
            self.dates[key] = self._dated(held[0], begun)
        else:
            self.dates[key] = before

    def _dated(self, flag: bool | None, begun: datetime) -> Dated:
        ended = datetime.now(UTC)
        if self.triggers_end is not None and ended > self.triggers_end:
            return Dated(flag=flag, anything=True)
        if not flag:
            return Dated(flag=flag)
        return Dated(
            flag=flag, earliest=begun.replace(tzinfo=None), latest=ended.replace(tzinfo=None)
        )


class FinalWriter(DatedWriter):
    """Write and read the final names and the new column, whose dates are this release's own."""

    def __init__(self, url: str, release: Release, *, number: int) -> None:
        super().__init__(url, release, number=number)
        self._sent: Dated | None = None
        self._seconds = 0

    def _noted(self, key: int, begun: datetime) -> None:
        del begun
        there = key in self.account.rows
        before = self.dates[key] if key in self.dates else self.base.get(key)
        # Where a token alone was written the date is what it was.
        self.dates[key] = (self._sent or before) if there else None
        self._sent = None

    def _beside(self, flag: bool | None) -> dict[str, object]:
        self._seconds += 1
        at = _OWN + timedelta(days=self._number, seconds=self._seconds) if flag else None
        self._sent = Dated(flag=flag, earliest=at, latest=at)
        return {"at": at}

    def _flag(self, session: psycopg.Connection) -> int:
        return self._update(session, f"{self._release.flag} = %(flag)s, verified_at = %(at)s")

    def _both(self, session: psycopg.Connection) -> int:
        return self._update(
            session,
            f"{self._release.flag} = %(flag)s, {self._release.token} = %(token)s,"
            " verified_at = %(at)s",
        )

    def _token(self, session: psycopg.Connection) -> int:
        key = super()._token(session)
        self._sent = None
        return key

    def _insert(self, session: psycopg.Connection) -> int:
        self._fresh += 1
        return self._put(session, self._fresh, "")

    def _upsert(self, session: psycopg.Connection) -> int:
        names = (self._release.flag, self._release.token, "verified_at")
        settings = ", ".join(f"{name} = excluded.{name}" for name in names)
        key = self._put(session, self._key(), f" ON CONFLICT (id) DO UPDATE SET {settings}")
        self.account.gone.discard(key)
        return key

    def _put(self, session: psycopg.Connection, key: int, conflict: str) -> int:
        flag, token = self._value()
        values = {"key": key, "flag": flag, "token": token, **self._beside(flag)}
        session.execute(
            f"INSERT INTO users (id, email, {self._release.flag}, {self._release.token},"
            " verified_at) VALUES (%(key)s, 'live', %(flag)s, %(token)s, %(at)s)"
            f"{conflict}".encode(),
            values,
        )
        self.account.rows[key] = (flag, token)
        return key
