"""Two releases of an application that write all the time and keep account of it.

Every writer has rows of its own, so the last acknowledged write of a row is what must be found in
it. Nothing is retried: a statement that fails is counted, and none may.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

import psycopg

WRITERS = 4  # rows are dealt out among so many
BASE_ROWS = 20_000
_FRESH_KEYS = 10_000_000
_PREPARED = "SELECT count(*) FROM pg_prepared_statements"
_PAUSE = 0.0005  # seconds: leaves the machine to the migration, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release by the names that it knows."""

    flag: str
    token: str


OLD = Release(flag="email_verified", token="verification_token")
NEW = Release(flag="email_verified_v2", token="verification_token_v2")
Held = tuple[bool | None, str | None]


@dataclass(slots=True, kw_only=True)
class Account:
    """What a writer was told: rows as they must be, rows that are gone, statements by kind."""

    rows: dict[int, Held] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    acknowledged: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    wrong_reads: list[str] = field(default_factory=list)


class Writer:
    """Write and read rows of its own until it is told to stop.

    `prepares` is after how many executions a statement is prepared; 0: from the first on.
    """

    prepares: ClassVar[int] = 5

    def __init__(self, url: str, release: Release, *, number: int) -> None:
        self.account = Account()
        self.prepared = 0  # statements that the session had prepared at its end
        self._url = url
        self._release = release
        self._number = number
        # Writers that share a number share rows, one after the other.
        self._chance = random.Random(f"{number} {release.flag}")
        self._fresh = _FRESH_KEYS * (number + 1) + (0 if release is OLD else _FRESH_KEYS // 2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def _noted(self, key: int, begun: datetime) -> None:
        """Keep account of more than the names that every release knows; others may."""

    def _beside(self, flag: bool | None) -> dict[str, object]:
        """Return what a release writes beside a flag."""
        del flag
        return {}

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the present statement."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        acts = (self._insert, self._flag, self._token, self._both, self._upsert, self._delete)
        with psycopg.connect(
            self._url, autocommit=True, prepare_threshold=self.prepares
        ) as session:
            while not self._stop.is_set():
                act, begun = self._chance.choice(acts), datetime.now(UTC)
                try:
                    key = act(session)
                    self.account.acknowledged[act.__name__] += 1
                    self._noted(key, begun)
                    self._read_back(session, key)
                except psycopg.Error as error:
                    self.account.failures.append(f"{act.__name__}: {error}")
                time.sleep(_PAUSE)
            found = session.execute(_PREPARED).fetchone()
            self.prepared = found[0] if found else 0

    def _insert(self, session: psycopg.Connection) -> int:
        self._fresh += 1
        key, held = self._fresh, self._value()
        session.execute(
            f"INSERT INTO users (id, email, {self._release.flag}, {self._release.token})"
            " VALUES (%s, 'live', %s, %s)".encode(),
            (key, *held),
        )
        self.account.rows[key] = held
        return key

    def _flag(self, session: psycopg.Connection) -> int:
        return self._update(session, f"{self._release.flag} = %(flag)s")

    def _token(self, session: psycopg.Connection) -> int:
        return self._update(session, f"{self._release.token} = %(token)s")

    def _both(self, session: psycopg.Connection) -> int:
        settings = f"{self._release.flag} = %(flag)s, {self._release.token} = %(token)s"
        return self._update(session, settings)

    def _update(self, session: psycopg.Connection, settings: str) -> int:
        """Update a row and keep what the statement itself returns of the column it left alone."""
        key = self._key()
        flag, token = self._value()
        row = session.execute(
            f"UPDATE users SET {settings} WHERE id = %(key)s"
            f" RETURNING {self._release.flag}, {self._release.token}".encode(),
            {"flag": flag, "token": token, "key": key, **self._beside(flag)},
        ).fetchone()
        if row is not None:
            # What the statement leaves alone stays as it was.
            known = self.account.rows.get(key, row)
            self.account.rows[key] = (
                flag if "%(flag)s" in settings else known[0],
                token if "%(token)s" in settings else known[1],
            )
        elif key in self.account.rows:
            self.account.wrong_reads.append(f"row {key} was not there to update")
        return key

    def _upsert(self, session: psycopg.Connection) -> int:
        key, held = self._key(), self._value()
        names = (self._release.flag, self._release.token)
        session.execute(
            f"INSERT INTO users (id, email, {', '.join(names)}) VALUES (%s, 'live', %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET"
            f" {', '.join(f'{name} = excluded.{name}' for name in names)}".encode(),
            (key, *held),
        )
        self.account.rows[key] = held
        self.account.gone.discard(key)
        return key

    def _delete(self, session: psycopg.Connection) -> int:
        key = self._key()
        session.execute("DELETE FROM users WHERE id = %s", (key,))
        self.account.rows.pop(key, None)
        self.account.gone.add(key)
        return key

    def _read_back(self, session: psycopg.Connection, key: int) -> None:
        """Read by this release's names what this writer wrote last."""
        row = session.execute(
            f"SELECT {self._release.flag}, {self._release.token} FROM users WHERE id = %s".encode(),
            (key,),
        ).fetchone()
        if row != self.account.rows.get(key):
            self.account.wrong_reads.append(
                f"row {key} is {row}, written {self.account.rows.get(key)}"
            )

    def _key(self) -> int:
        """Return a key of this writer's: one of the old rows, or one that it added."""
        if self._chance.random() < 0.3 and self.account.rows:
            return self._chance.choice(list(self.account.rows))
        # Old rows have ids of 3, 6, 9 ...; each of the writers has every fourth of them.
        return 3 * (WRITERS * self._chance.randrange(BASE_ROWS // WRITERS) + self._number + 1)

    def _value(self) -> Held:
        flag = self._chance.choice((True, False))
        return flag, self._chance.choice((None, f"t{self._chance.randrange(1000)}"))


@contextmanager
def writing(
    url: str, release: Release, *, numbers: tuple[int, ...], kind: type[Writer] = Writer
) -> Iterator[list[Writer]]:
    """Let writers of a release work while the block runs."""
    writers = [kind(url, release, number=number) for number in numbers]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop()
