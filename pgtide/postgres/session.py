"""A session with the target database: it has timeouts, a name, and a search path of its own."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

import psycopg
from psycopg.rows import DictRow, dict_row

from pgtide.errors import Refused
from pgtide.postgres.faults import translate, translated
from pgtide.postgres.session_settings import (
    BASE,
    base_settings,
    milliseconds,
    set_locally,
)

Params = Mapping[str, object]

# So many times no statement is run.
_NEVER: Final = sys.maxsize
# A request for a plain connection must not hang longer than a person waits.
_CONNECT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A server process, named so that a reused pid is not mistaken for it."""

    pid: int
    started: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The parameters of a connection; the password is kept apart from them."""

    parameters: Mapping[str, str]
    password: str = field(repr=False)


class Session:
    """Run statements on one connection in autocommit; transactions are explicit."""

    def __init__(self, connection: psycopg.Connection[DictRow]) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(
        self, sql: str, params: Params | None = None, *, doing: str = "running a statement"
    ) -> int:
        """Run a statement and return how many rows it changed."""
        with translated(doing):
            return self._connection.execute(sql, params).rowcount

    def single(self, sql: str) -> None:
        """Run a text that must be one command: the extended protocol refuses a second one."""
        self._connection.execute(sql, binary=True)

    def overheard(self, sql: str) -> tuple[str, ...]:
        """Run a text that must be one command, and return what the server says while it does."""
        said: list[str] = []

        def hear(notice: psycopg.errors.Diagnostic) -> None:
            # Now: what it points to is gone once this returns.
            said.append(notice.message_primary or "")

        self._connection.add_notice_handler(hear)
        try:
            self.single(sql)
        finally:
            self._connection.remove_notice_handler(hear)
        return tuple(said)

    def parse(self, sql: str) -> None:
        """Let the server read one command's syntax without running it."""
        result = self._connection.pgconn.prepare(b"", sql.encode())
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)

    def rows(
        self, sql: str, params: Params | None = None, *, doing: str = "reading"
    ) -> list[DictRow]:
        """Return all rows of a query."""
        with translated(doing):
            return self._connection.execute(sql, params).fetchall()

    def row(
        self, sql: str, params: Params | None = None, *, doing: str = "reading"
    ) -> DictRow | None:
        """Return the first row of a query, if there is one."""
        found = self.rows(sql, params, doing=doing)
        return found[0] if found else None

    def value(self, sql: str, params: Params | None = None, *, doing: str = "reading") -> Any:  # noqa: ANN401
        """Return the first column of the first row, or None where no row comes back."""
        found = self.row(sql, params, doing=doing)
        return next(iter(found.values())) if found else None

    def often(self, sql: str, params: Params, *, doing: str) -> DictRow | None:
        """Return the first row of a statement that is run again and again: prepared once."""
        with translated(doing):
            return self._connection.execute(sql, params, prepare=True).fetchone()

    def execute_often(self, sql: str, params: Params, *, doing: str) -> int:
        """Run a statement that is run again and again, prepared once; return its changed rows.

        For one that returns none: the shape of what it returns could not change (trap 26).
        """
        with translated(doing):
            return self._connection.execute(sql, params, prepare=True).rowcount

    def forget(self) -> None:
        """Drop what was prepared; what failed when it first ran is so, too, under no known name."""
        self.execute("DEALLOCATE ALL", doing="forgetting what was prepared")

    @contextmanager
    def transaction(
        self,
        *,
        lock_timeout: timedelta = timedelta(seconds=5),
        statement_timeout: timedelta = timedelta(seconds=60),
        settings: Mapping[str, str] | None = None,
        mode: str = "",
    ) -> Iterator[Self]:
        """Commit what the block does, or nothing.

        A commit whose answer is lost raises ConnectionLost.
        """
        local = {
            "lock_timeout": milliseconds(lock_timeout),
            "statement_timeout": milliseconds(statement_timeout),
            **(settings or {}),
        }
        try:
            # One message, since a run has hundreds of transactions.
            begin = f"BEGIN {mode}; {set_locally(tuple(local.items()))}"
            self.execute(begin, doing="beginning a transaction")
            yield self
            self.execute("COMMIT", doing="committing")
        except BaseException:
            self._abandon()
            raise

    @contextmanager
    def rolled_back(self) -> Iterator[Self]:
        """Run a block whose effects are always taken back: for asking the server by trying."""
        self.execute("BEGIN", doing="beginning a trial")
        try:
            yield self
        finally:
            self._abandon()

    @contextmanager
    def unhurried(self) -> Iterator[Self]:
        """Lift the time limits for statements that wait without keeping anybody else waiting.

        CREATE INDEX CONCURRENTLY waits for every old snapshot in the database; a lock_timeout would
        kill it and leave an invalid index (trap 7). Whoever calls it can cancel it instead.
        """
        self.configure({"lock_timeout": "0", "statement_timeout": "0"}, local=False)
        try:
            yield self
        finally:
            if not self.lost:
                limits = {name: BASE[name] for name in ("lock_timeout", "statement_timeout")}
                self.configure(limits, local=False)

    def configure(self, settings: Mapping[str, str], *, local: bool) -> None:
        """Set server settings by name, bound as values (SET cannot bind: trap 6)."""
        calls = ", ".join(f"set_config(%(n{i})s, %(v{i})s, {local})" for i in range(len(settings)))
        params: dict[str, object] = {}
        for i, (name, value) in enumerate(settings.items()):
            params |= {f"n{i}": name, f"v{i}": value}
        self.execute(f"SELECT {calls}", params, doing="setting timeouts")

    @property
    def pid(self) -> int:
        """Return the pid of the server process."""
        return self._connection.info.backend_pid

    @property
    def version(self) -> int:
        """Return the server's version as a number, 150018 for 15.18."""
        return self._connection.info.server_version

    @property
    def place(self) -> str:
        """Return host and port of the server, as they were asked for."""
        return f"{self._connection.info.host}:{self._connection.info.port}"

    @property
    def login(self) -> Login:
        """Return how this session logged in, for a client program that shall do the same."""
        info = self._connection.info
        return Login(parameters=info.get_parameters(), password=info.password)

    @property
    def lost(self) -> bool:
        """Tell whether the connection is known to be gone."""
        return self._connection.closed or self._connection.broken

    def cancel(self) -> None:
        """Ask the server to cancel what this session runs; safe from another thread."""
        self._connection.cancel_safe(timeout=2)

    def close(self) -> None:
        """Close the connection; the server rolls back what was open."""
        self._connection.close()

    def _abandon(self) -> None:
        # A connection that is gone has nothing left to roll back, and the first error is the one to
        # show.
        if not self.lost:
            try:
                self._connection.execute("ROLLBACK")
            except psycopg.Error:
                self._connection.close()


def connect(url: str, *, purpose: str, given: str = "DATABASE_URL (or --database-url)") -> Session:
    """Open a session named `pgtide <purpose>`, with timeouts set.

    Raises Refused where nobody answers; it names by which setting the address was given.
    """
    try:
        connection = psycopg.Connection[DictRow].connect(
            url,
            autocommit=True,
            row_factory=dict_row,
            # No statement is prepared unless it is said to be: ours must not fail when a table
            # changes shape (trap 26).
            prepare_threshold=_NEVER,
            connect_timeout=_CONNECT_SECONDS,
            application_name=f"pgtide {purpose}",
            # A dead network must not hold a batch's locks for the system's two hours.
            keepalives_idle=15,
            keepalives_interval=5,
            keepalives_count=3,
        )
    except psycopg.ProgrammingError:
        # Its message quotes the address, and with it the password.
        raise _unreadable(given.split(maxsplit=1)[0]) from None
    except psycopg.Error as error:
        raise _unreachable(error, given) from error
    session = Session(connection)
    try:
        session.configure(base_settings(session.version), local=False)
    except BaseException:
        session.close()
        raise
    return session


def _unreadable(setting: str) -> Refused:
    return Refused(
        f"{setting} cannot be read as a PostgreSQL address.",
        state="Nothing was changed.",
        remedy=(
            "Write it as postgresql://user:password@host:port/database, without a driver's name; "
            "reserved characters of the password as %XX."
        ),
    )


def _unreachable(error: psycopg.Error, given: str) -> Refused:
    fault = translate(error, "connecting")
    reason = str(error).strip().splitlines()[-1] if str(error).strip() else fault.what
    return Refused(
        f"The database does not let us in: {reason}",
        state="Nothing was changed.",
        remedy=f"Check {given} and that the server is up.",
    )
