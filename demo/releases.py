"""Three releases of one application: what each of them knows of the table.

Every write raises the row's `revision` and reads it back. Row locks put the writes of a row in an
order, so each acknowledged write can be found again afterwards: by its revision, and the last one
by its value.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from demo.database import key, left_alone


class Kind(StrEnum):
    """What a statement is for."""

    READ = "read"
    LIST = "list"
    LOGIN = "login"
    CHANGE = "change"
    REGISTER = "register"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release, as the statements that it knows."""

    name: str
    title: str
    # A statement that is chosen as often as it is listed.
    statements: tuple[tuple[Kind, str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One statement with its values; `flag` and `token` are what it writes, by whatever name."""

    kind: Kind
    sql: str
    id: int | None
    flag: bool | None
    token: str | None
    email: str | None

    @property
    def params(self) -> dict[str, object]:
        """Return the statement's parameters."""
        return {"id": self.id, "flag": self.flag, "token": self.token, "email": self.email}


_LOGIN: Final = (
    "UPDATE users SET last_login_at = now(), revision = revision + 1"
    " WHERE id = %(id)s RETURNING id, revision"
)

RELEASE_A: Final = Release(
    name="A",
    title="A (2.0), old names",
    statements=(
        (
            Kind.READ,
            (
                "SELECT email, name, email_verified, verification_token, created_at"
                " FROM users WHERE id = %(id)s"
            ),
            9,
        ),
        (
            Kind.LIST,
            "SELECT id, email FROM users WHERE email_verified ORDER BY created_at DESC LIMIT 20",
            1,
        ),
        (Kind.LOGIN, _LOGIN, 2),
        (
            Kind.CHANGE,
            (
                "UPDATE users SET email_verified = %(flag)s, verification_token = %(token)s,"
                " revision = revision + 1 WHERE id = %(id)s RETURNING id, revision"
            ),
            7,
        ),
        (
            Kind.REGISTER,
            (
                "INSERT INTO users (email, email_verified, verification_token)"
                " VALUES (%(email)s, %(flag)s, %(token)s) RETURNING id, revision"
            ),
            1,
        ),
    ),
)

RELEASE_B: Final = Release(
    name="B",
    title="B (2.1), _v2 names",
    statements=(
        (
            Kind.READ,
            (
                "SELECT email, name, email_verified_v2, verification_token_v2, verified_at"
                " FROM users WHERE id = %(id)s"
            ),
            9,
        ),
        (
            Kind.LIST,
            (
                "SELECT id, verified_at FROM users WHERE email_verified_v2"
                " ORDER BY created_at DESC LIMIT 20"
            ),
            1,
        ),
        (Kind.LOGIN, _LOGIN, 2),
        (
            Kind.CHANGE,
            (
                "UPDATE users SET email_verified_v2 = %(flag)s, verification_token_v2 = %(token)s,"
                " revision = revision + 1 WHERE id = %(id)s RETURNING id, revision"
            ),
            4,
        ),
        # The same with a date of the application's own: the trigger leaves it alone.
        (
            Kind.CHANGE,
            (
                "UPDATE users SET email_verified_v2 = %(flag)s, verification_token_v2 = %(token)s,"
                " verified_at = CASE WHEN %(flag)s THEN timestamp '2026-01-01' END,"
                " revision = revision + 1 WHERE id = %(id)s RETURNING id, revision"
            ),
            3,
        ),
        (
            Kind.REGISTER,
            (
                "INSERT INTO users (email, email_verified_v2, verification_token_v2)"
                " VALUES (%(email)s, %(flag)s, %(token)s) RETURNING id, revision"
            ),
            1,
        ),
    ),
)

RELEASE_C: Final = Release(
    name="C",
    title="C (2.2), final names",
    statements=(
        (
            Kind.READ,
            (
                "SELECT email, name, email_verified, verification_token, verified_at"
                " FROM users WHERE id = %(id)s"
            ),
            9,
        ),
        (
            Kind.LIST,
            (
                "SELECT id, verified_at FROM users WHERE email_verified"
                " ORDER BY created_at DESC LIMIT 20"
            ),
            1,
        ),
        (Kind.LOGIN, _LOGIN, 2),
        (
            Kind.CHANGE,
            (
                "UPDATE users SET email_verified = %(flag)s, verification_token = %(token)s,"
                " verified_at = CASE WHEN %(flag)s THEN timestamp '2026-02-02' END,"
                " revision = revision + 1 WHERE id = %(id)s RETURNING id, revision"
            ),
            7,
        ),
        (
            Kind.REGISTER,
            (
                "INSERT INTO users (email, email_verified, verification_token, verified_at)"
                " VALUES (%(email)s, %(flag)s, %(token)s,"
                " CASE WHEN %(flag)s THEN timestamp '2026-02-02' END) RETURNING id, revision"
            ),
            1,
        ),
    ),
)

RELEASES: Final = {release.name: release for release in (RELEASE_A, RELEASE_B, RELEASE_C)}


class Requests:
    """Make up one worker's requests, each write with a token that no other write has."""

    def __init__(self, release: Release, *, worker: str, rows: int) -> None:
        self._release = release
        self._worker = worker
        self._rows = rows
        # Seeded by name: a run can be repeated, and no two workers walk together.
        self._chance = Random(worker)
        self._sequence = 0

    def next(self) -> Request:
        """Return the next request."""
        weights = [share for _, _, share in self._release.statements]
        kind, sql, _ = self._chance.choices(self._release.statements, weights)[0]
        writes = kind in {Kind.CHANGE, Kind.REGISTER}
        self._sequence += 1
        token = f"{self._worker}-{self._sequence}".ljust(32, ".") if writes else None
        # NULL, too: it is a value like any other to both releases. A new row is born with one.
        flags = (True, False, None) if kind is Kind.CHANGE else (True, False)
        return Request(
            kind=kind,
            sql=sql,
            id=None if kind in {Kind.REGISTER, Kind.LIST} else self._key(),
            flag=self._chance.choice(flags) if writes else None,
            token=token,
            email=f"{self._worker}-{self._sequence}@example.net" if kind is Kind.REGISTER else None,
        )

    def _key(self) -> int:
        while left_alone(number := self._chance.randint(1, self._rows)):
            pass
        return key(number)
