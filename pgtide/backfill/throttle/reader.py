"""Read all signals: in one statement where that works, one by one to find which does not."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pgtide.backfill.throttle.declared import Declared
from pgtide.backfill.throttle.reading import Reading, Unreadable
from pgtide.backfill.throttle.signal import Rows, Signal
from pgtide.errors import StatementFailed
from pgtide.postgres.ddl import escaped
from pgtide.postgres.faults import INSUFFICIENT_PRIVILEGE
from pgtide.postgres.session import Params, Session
from pgtide.sql import queries

_SQL: Final = queries("throttle")
# A query of the author's that takes longer burdens what it watches.
_PATIENCE: Final = timedelta(seconds=2)


class Reader:
    """Ask the server about signals; remembers which of them this role may not read."""

    def __init__(
        self,
        signals: Sequence[Signal],
        declared: Sequence[Declared],
        params: Params,
        *,
        search_path: str,
    ) -> None:
        self._signals = list(signals)
        self._declared = declared
        self._params = params
        self._search_path = search_path

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of what is watched."""
        return (*(one.name for one in self._signals), *(one.name for one in self._declared))

    def read(self, session: Session, now: float) -> dict[str, Reading]:
        """Return a reading of each signal; raises ConnectionLost."""
        try:
            rows: Mapping[str, Rows | StatementFailed] = self._at_once(session)
        except StatementFailed:
            session.forget()
            rows = dict(self._one_by_one(session))
        self._give_up(rows)
        found = {one.name: _judged(one, rows[one.query], now) for one in self._signals}
        return {**found, **{one.name: self._ask(session, one) for one in self._declared}}

    def _queries(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.query for one in self._signals))

    def _at_once(self, session: Session) -> Mapping[str, Rows]:
        if not self._signals:
            return {}
        parts = ", ".join(
            f"(SELECT coalesce(jsonb_agg(q), '[]') FROM (\n{_SQL[name]}\n) AS q) AS {name}"  # noqa: S608  # our own
            for name in self._queries()
        )
        # Once a second, and to plan it takes five times as long as to run it.
        return session.often(f"SELECT {parts}", self._params, doing="reading the signals") or {}

    def _one_by_one(self, session: Session) -> Iterator[tuple[str, Rows | StatementFailed]]:
        for name in self._queries():
            try:
                yield name, session.rows(_SQL[name], self._params, doing=f"reading {name}")
            except StatementFailed as error:
                yield name, error

    def _give_up(self, rows: Mapping[str, Rows | StatementFailed]) -> None:
        refused = {
            name
            for name, one in rows.items()
            if isinstance(one, StatementFailed) and one.sqlstate == INSUFFICIENT_PRIVILEGE
        }
        self._signals = [one for one in self._signals if one.needed or one.query not in refused]

    def _ask(self, session: Session, one: Declared) -> Reading:
        try:
            with session.transaction(
                statement_timeout=_PATIENCE,
                lock_timeout=_PATIENCE,
                # As it was asked when it was looked at before the start.
                settings={"search_path": self._search_path, "plan_cache_mode": "auto"},
                mode="READ ONLY",
            ):
                # With parameters, even none, a text is one command: the protocol refuses a second.
                return one.judge(session.value(escaped(one.sql), {}, doing=f"asking {one.name}"))
        except StatementFailed as error:
            return Unreadable(why=error.what)


def _judged(one: Signal, rows: Any, now: float) -> Reading:  # noqa: ANN401  # rows or an error
    if isinstance(rows, StatementFailed):
        return Unreadable(why=rows.what)
    return one.judge(rows, now)
