"""Rows in quarantine, looked at again: gone, in step by now, filled, or failing still.

The version that failed is as it was. A newer one came through the sync triggers, which bring a row
in step or refuse the write.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from pgtide.backfill.batch import STATEMENT_LIMIT
from pgtide.backfill.fill_settings import fill_settings
from pgtide.backfill.row_key import SAME_VERSION, by_key, by_place, rows_of
from pgtide.ledger import quarantine
from pgtide.ledger.quarantine import HeldRow, Left, Version
from pgtide.model.plan import BackfillSql, Plan
from pgtide.postgres.ddl import escaped, fill, search_path
from pgtide.postgres.faults import DataFault, Transient
from pgtide.postgres.session import Session

# The row's own lock is all that is waited for, and nothing is held meanwhile.
_LOCK_WAIT: Final = timedelta(milliseconds=500)
# Each time somebody else has written the row in between.
_TRIES: Final = 5

Fence = Callable[[Session], None]


def unfenced(session: Session) -> None:
    """Ask for no right to write: a row that was mended may leave whoever sees it."""
    del session


class HeldRows:
    """Look at the rows of a table again; `fence` makes sure of the right to fill them."""

    def __init__(
        self, session: Session, plan: Plan, sql: BackfillSql, fence: Fence = unfenced
    ) -> None:
        self._session = session
        self._plan = plan
        self._fence = fence
        table = rows_of(plan)
        test = fill("SELECT {test} FROM {table} AS t", test=sql.in_step, table=table)
        update = fill("UPDATE {table} AS t SET {set}", table=table, set=sql.assignments)
        test, update, in_step = (escaped(text) for text in (test, update, sql.in_step))
        self._test = f"{test} WHERE {SAME_VERSION}"
        self._update = f"{update} WHERE {SAME_VERSION} AND NOT {in_step}"

    def look(self, row: HeldRow) -> Left | None:
        """Let a row leave that was mended or deleted since it failed; None where it stays."""
        now = self._newest(row)
        return None if now == row.seen else self._settle(row, now, filling=False)

    def fill(self, row: HeldRow) -> Left | None:
        """Fill a row, and let it leave, where it does not fail any more; None where it stays."""
        return self._settle(row, self._newest(row), filling=True)

    def _settle(self, row: HeldRow, now: Version | None, *, filling: bool) -> Left | None:
        left = None
        for _ in range(_TRIES):
            try:
                left = self._try(row, now, filling=filling)
            except DataFault as error:
                self._keep(row, now, sqlstate=error.sqlstate, reason=error.reason)
                return None
            except Transient:
                pass
            later = self._newest(row)
            if left is not None or later == now:
                break
            now = later
        if left is None:
            # Locked all the time, written in contradiction, or kept back by a trigger.
            self._keep(row, now, sqlstate=row.sqlstate, reason=row.reason)
        return left

    def _try(self, row: HeldRow, now: Version | None, *, filling: bool) -> Left | None:
        with self._transaction(filling=filling) as session:
            left = Left.GONE if now is None else self._become(session, now, filling=filling)
            if left is not None:
                quarantine.release(session, row, left)
        return left

    def _become(self, session: Session, now: Version, *, filling: bool) -> Left | None:
        if filling and session.execute(self._update, asdict(now), doing="filling a row again"):
            return Left.FILLED
        in_step = session.value(self._test, asdict(now), doing="looking at a row again")
        return Left.IN_STEP if in_step else None

    def _keep(self, row: HeldRow, now: Version | None, *, sqlstate: str, reason: str) -> None:
        if now is not None:
            with self._transaction() as session:
                quarantine.keep(session, row, now, sqlstate=sqlstate, reason=reason)

    def _newest(self, row: HeldRow) -> Version | None:
        query = by_key(self._plan) if self._plan.key else by_place(self._plan)
        params = {"key": row.key_text, **asdict(row.seen)}
        with self._transaction() as session:
            found = session.row(query, params, doing="looking for a row in quarantine")
        return Version(**found) if found else None

    @contextmanager
    def _transaction(self, *, filling: bool = False) -> Iterator[Session]:
        only_read = {"search_path": search_path(self._plan.table)}
        with self._session.transaction(
            lock_timeout=_LOCK_WAIT,
            statement_timeout=STATEMENT_LIMIT,
            settings=fill_settings(self._plan) if filling else only_read,
        ) as session:
            self._fence(session)
            yield session
