"""A release that writes both shapes itself, in each of its statements."""

import psycopg

from tests.scenarios.live_writers import NEW, OLD, Writer

_BOTH = {
    "flag": (
        f"{OLD.flag} = %(flag)s, {NEW.flag} = %(flag)s,"
        " verified_at = CASE WHEN %(flag)s THEN timestamp '2026-01-01' END"
    ),
    "token": f"{OLD.token} = %(token)s, {NEW.token} = %(token)s",
}
_INSERT = (
    f"INSERT INTO users (id, email, {OLD.flag}, {NEW.flag}, {OLD.token}, {NEW.token}, verified_at)"
    " VALUES (%(key)s, 'live', %(flag)s, %(flag)s, %(token)s, %(token)s,"
    " CASE WHEN %(flag)s THEN timestamp '2026-01-01' END)"
)


class DualWriter(Writer):
    """Write both shapes; read by the old names."""

    def _insert(self, session: psycopg.Connection) -> int:
        self._fresh += 1
        return self._put(session, self._fresh, "")

    def _upsert(self, session: psycopg.Connection) -> int:
        both = ", ".join(_BOTH.values())
        key = self._put(session, self._key(), f" ON CONFLICT (id) DO UPDATE SET {both}")
        self.account.gone.discard(key)
        return key

    def _flag(self, session: psycopg.Connection) -> int:
        return self._update(session, _BOTH["flag"])

    def _token(self, session: psycopg.Connection) -> int:
        return self._update(session, _BOTH["token"])

    def _both(self, session: psycopg.Connection) -> int:
        return self._update(session, ", ".join(_BOTH.values()))

    def _put(self, session: psycopg.Connection, key: int, conflict: str) -> int:
        flag, token = self._value()
        values = {"key": key, "flag": flag, "token": token}
        session.execute(f"{_INSERT}{conflict}".encode(), values)
        self.account.rows[key] = (flag, token)
        return key
